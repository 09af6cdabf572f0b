#include "margay/data/source/label_table.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/image_finder.h"
#include "margay/data/source/label_rows.h"
#include "margay/data/source/names.h"
#include "margay/data/source/text_file.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

/// Which row names which image.
struct NamedImages {
  std::vector<std::optional<std::size_t>> row_of_image;
  std::vector<std::optional<std::size_t>> image_of_row;
};

/// Throws core::DataError for a row that names two of the images.
NamedImages named_images(const LabelTable::Rows& rows, const PathList& images) {
  NamedImages named{rows.names.find_each(images), std::vector<std::optional<std::size_t>>(rows.lines.size())};
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto row = named.row_of_image[i];
    if (!row) continue;
    std::optional<std::size_t>& image = named.image_of_row[*row];
    if (image) {
      throw core::DataError(
          rows.path,
          fmt::format("line {}: '{}' names both {} and {}; write their paths relative to {}", rows.lines[*row],
                      rows.names.name(*row), core::shown_path(images.text(*image)), core::shown_path(images.text(i)),
                      core::shown_path(rows.names.roots().front().folder())));
    }
    image = i;
  }
  return named;
}

/// Throws as the splitter of LabelTable::split.
Split split_by_rows(const LabelTable::Rows& rows, const Items& items) {
  const NamedImages named = named_images(rows, items.paths());
  Split split;
  NameList unlisted;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto row = named.row_of_image[i];
    if (!row) {
      unlisted.add(rows.names.roots().front().relative(items.paths().text(i)));
      continue;
    }
    if (rows.parts[*row] != SplitPart::kTest)
      (rows.parts[*row] == SplitPart::kValid ? split.valid : split.train).push_back(i);
  }
  if (!unlisted.empty()) {
    throw core::DataError(
        rows.path, fmt::format("{} not in this table: {}", core::counted(unlisted.size(), "image is", "images are"),
                               unlisted.text()));
  }
  NameList absent;
  for (std::size_t row = 0; row < rows.lines.size(); ++row) {
    if (!named.image_of_row[row] && !rows.is_test(row)) absent.add(std::string(rows.names.name(row)));
  }
  if (absent.empty()) return split;
  throw core::DataError(rows.path, fmt::format("{} of the {} images listed are not among the data: {}", absent.size(),
                                               rows.lines.size(), absent.text()));
}

/// What a root has of the images listed.
struct Search {
  PathList found;
  std::vector<std::uint32_t> rows;  ///< of the found
  NameList absent;
  std::string hint;   ///< for the first of them
  PathList unlisted;  ///< images in the folders of those listed
};

Search find_images(const LabelTable::Rows& rows, const Root& root, Gaps gaps) {
  const std::vector<Root> roots = {root};
  ImageFinder finder(roots);
  Search search;
  for (std::size_t row = 0; row < rows.lines.size(); ++row) {
    if (rows.is_test(row)) continue;
    const std::string path = finder.find(rows.names.name(row));
    if (!path.empty()) {
      search.found.add(path);
      search.rows.push_back(static_cast<std::uint32_t>(row));
      continue;
    }
    if (search.absent.empty()) {
      const std::string encoding = encoding_problem(rows.names.name(row), rows.path);
      search.hint = encoding.empty() ? finder.did_you_mean(rows.names.name(row)) : "; " + encoding;
    }
    search.absent.add(std::string(rows.names.name(row)));
    if (gaps == Gaps::kKeep) {
      search.found.add(root.path(rows.names.name(row)));
      search.rows.push_back(static_cast<std::uint32_t>(row));
    }
  }
  NameIndex found;
  for (std::size_t i = 0; i < search.found.size(); ++i) found.add(search.found.text(i));
  const PathList there = finder.images();
  for (std::size_t i = 0; i < there.size(); ++i) {
    if (found.find(there.text(i))) continue;
    const auto row = rows.names.find_path(there.text(i));
    if (!row || !rows.is_test(*row)) search.unlisted.add(there.text(i));
  }
  return search;
}

/// The images anywhere below the root whose file names the table has, as where they lie in folders of their classes.
Search find_below(const LabelTable::Rows& rows, const Root& root, Gaps gaps) {
  const PathList images = search_images(root.folder()).images;
  const NamedImages named = named_images(rows, images);
  Search search;
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (!named.row_of_image[i]) search.unlisted.add(images.text(i));
  }
  for (std::size_t row = 0; row < rows.lines.size(); ++row) {
    if (rows.is_test(row)) continue;
    const auto image = named.image_of_row[row];
    if (!image) search.absent.add(std::string(rows.names.name(row)));
    if (!image && gaps == Gaps::kRefuse) continue;
    search.found.add(image ? std::string(images.text(*image)) : root.path(rows.names.name(row)));
    search.rows.push_back(static_cast<std::uint32_t>(row));
  }
  return search;
}

/// Without those of the test.
std::size_t wanted_rows(const LabelTable::Rows& rows) {
  std::size_t wanted = 0;
  for (std::size_t row = 0; row < rows.lines.size(); ++row) wanted += rows.is_test(row) ? 0U : 1U;
  return wanted;
}

/// Two names may mean one image: with and without its extension, absolute and relative.
void check_distinct(const LabelTable::Rows& rows, const Search& search) {
  std::vector<std::uint32_t> order(search.found.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto name = [&](std::uint32_t i) { return search.found.text(i); };
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return name(a) < name(b); });
  const auto twin = std::adjacent_find(order.begin(), order.end(),
                                       [&](std::uint32_t a, std::uint32_t b) { return name(a) == name(b); });
  if (twin == order.end()) return;
  const auto [first, second] = std::minmax(search.rows[*twin], search.rows[*(twin + 1)]);
  throw core::DataError(rows.path, fmt::format("lines {} and {} both mean the image {}; keep one", rows.lines[first],
                                               rows.lines[second], name(*twin)));
}

}  // namespace

LabelTable LabelTable::read(const fs::path& path, const fs::path& root, const LabelColumns& columns) {
  const auto rows = std::make_shared<Rows>(path, ImageNames({Root(root), Root(path.parent_path())}));
  rows->read(read_table(path), columns);
  return LabelTable(rows);
}

PathList LabelTable::items(Gaps gaps) const {
  LeftOut unseen;
  return items(gaps, unseen);
}

PathList LabelTable::items(Gaps gaps, LeftOut& left_out) const {
  const Root& root = rows_->names.roots().front();
  check_folder(root.folder());
  Search search = find_images(*rows_, root, gaps);
  if (search.absent.size() ==
      wanted_rows(*rows_)) {  // one place for all, so that two folders of the same names never mix
    Search beside = find_images(*rows_, rows_->names.roots().back(), gaps);
    if (beside.absent.size() < search.absent.size()) search = std::move(beside);
  }
  if (search.absent.size() == wanted_rows(*rows_)) {
    Search below = find_below(*rows_, root, gaps);
    if (below.absent.size() < search.absent.size()) search = std::move(below);
  }
  if (search.absent.empty() || gaps == Gaps::kKeep) {
    check_distinct(*rows_, search);
    for (std::size_t i = 0; i < search.unlisted.size(); ++i) {
      left_out.add(LeftOutKind::kUnlistedImage, search.unlisted.text(i));
    }
    return std::move(search.found);
  }
  throw core::DataError(rows_->path, fmt::format("{} of the {} images listed are not in {}: {}{}", search.absent.size(),
                                                 rows_->lines.size(), core::shown_path(root.folder()),
                                                 search.absent.text(), search.hint));
}

Labeller LabelTable::labels(Gaps gaps) const {
  rows_->check_labels(gaps);
  return {"the table " + core::shown_path(rows_->path),
          [rows = rows_](std::string_view path) -> std::optional<Labels> {
            const auto row = rows->names.find(path);
            return row ? rows->labels_of(*row) : std::nullopt;
          },
          rows_->task};
}

Labeller LabelTable::groups() const {
  if (rows_->group_column.empty()) {
    throw std::invalid_argument("[LabelTable] no column of groups; name it with LabelColumns::group");
  }
  return {fmt::format("the column '{}' of {}", rows_->group_column, core::shown_path(rows_->path)),
          [rows = rows_](std::string_view path) -> std::optional<Labels> {
            const auto row = rows->names.find(path);
            return row ? rows->group_of(*row) : std::nullopt;
          }};
}

bool LabelTable::has_split() const {
  if (rows_->is_split_ambiguous) throw core::DataError(rows_->path, rows_->no_split);
  return !rows_->parts.empty();
}

Splitter LabelTable::split() const {
  if (rows_->parts.empty()) throw core::DataError(rows_->path, rows_->no_split);
  if (!rows_->bad_part.empty()) throw core::FormatError(rows_->path, rows_->bad_part);
  return [rows = rows_](const Items& items) { return split_by_rows(*rows, items); };
}

std::vector<std::string> LabelTable::warnings() const {
  std::vector<std::string> warnings;
  if (!rows_->repeated.empty()) warnings.push_back(rows_->repeated);
  if (rows_->is_split_ambiguous) {
    warnings.push_back(
        fmt::format("{}: {}; so far it is taken from neither", core::shown_path(rows_->path), rows_->no_split));
  }
  NameList tests;
  for (std::size_t row = 0; row < rows_->lines.size(); ++row) {
    if (rows_->is_test(row)) tests.add(std::string(rows_->names.name(row)));
  }
  if (tests.empty()) return warnings;
  warnings.push_back(fmt::format("{} of the {} rows of {} say test and are left out: {}", tests.size(),
                                 rows_->lines.size(), core::shown_path(rows_->path), tests.text()));
  return warnings;
}

}  // namespace margay::data
