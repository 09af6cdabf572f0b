#include "apps/web/report_page.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "apps/web/page_files.h"
#include "apps/web/single_page.h"
#include "apps/web/thumbnail.h"
#include "margay/core/file.h"

namespace margay::web {
namespace {

using nlohmann::ordered_json;

/// Images in lists, and maps, are shown larger than those in cells.
constexpr int kListScale = 2;
constexpr std::size_t kBatch = 64;
constexpr std::size_t kNamedUnreadable = 20;
/// For what is written after the last image and not counted as it grows.
constexpr std::int64_t kReserve = 16'384;

SinglePage single_page(const ReportPage& page) {
  return {.title = page.title,
          .root = "report",
          .noscript = "This report is drawn by the script that it contains. Allow scripts to read it.",
          .files = report_files()};
}

/// Base64 holds no markup, so it may stand as it is.
std::string image_element(const std::string& id, const std::string& image) {
  return fmt::format("<script type=\"image/jpeg\" id=\"{}\">{}</script>\n", id, image);
}

/// An image that waits for room.
struct Wanted {
  std::int64_t row;
  bool is_in_list;
};

std::vector<std::int64_t> list_rows(const ordered_json& document) {
  std::vector<std::int64_t> rows;
  for (const auto& [name, list] : document.at("top_losses").items()) {
    for (const ordered_json& image : list) rows.push_back(image.at("row").get<std::int64_t>());
  }
  return rows;
}

/// The rows of lists, then of cells, each once.
std::vector<Wanted> wanted_images(const ReportPage& page, int images_per_cell) {
  std::vector<Wanted> wanted;
  std::unordered_set<std::int64_t> seen;
  const auto want = [&](std::int64_t row, bool is_in_list) {
    if (seen.insert(row).second) wanted.push_back({row, is_in_list});
  };
  for (const std::int64_t row : list_rows(page.document)) want(row, true);
  for (const PageCell& cell : page.cells) {
    const std::size_t shown = std::min(cell.images.size(), static_cast<std::size_t>(images_per_cell));
    for (std::size_t i = 0; i < shown; ++i) want(cell.images[i], false);
  }
  return wanted;
}

/// Writes a page piece by piece and stops taking images when it is full.
class PageWriter {
 public:
  PageWriter(const std::filesystem::path& file, const ReportPage& page, const ReportPageOptions& options)
      : page_(page), options_(options), file_(file), single_(single_page(page)), document_(script_json(page.document)) {
    write(page_begin(single_));
    fixed_bytes_ =
        static_cast<std::int64_t>(document_.size() + single_.files.script.size() + most_cell_bytes()) + kReserve;
  }

  WrittenPage run() {
    const std::vector<Wanted> wanted = wanted_images(page_, options_.images_per_cell);
    std::size_t at = 0;
    while (at < wanted.size() && !is_full_) {
      const std::size_t count = std::min(kBatch, wanted.size() - at);
      at += add_batch({wanted.data() + at, count});
    }
    written_.left_out = static_cast<std::int64_t>(wanted.size() - at);
    write(page_data(data()) + page_end(single_));
    file_.commit();
    return written_;
  }

 private:
  void write(std::string_view text) {
    file_.write(text);
    written_.bytes += static_cast<std::int64_t>(text.size());
  }

  /// How many of the batch had room.
  std::size_t add_batch(std::span<const Wanted> batch) {
    std::vector<PageImage> images;
    std::vector<ThumbnailSource> sources;
    for (const Wanted& one : batch) {
      images.push_back(page_.image(one.row));
      sources.push_back({images.back().file, options_.thumbnail_px * (one.is_in_list ? kListScale : 1)});
    }
    const std::vector<std::string> thumbnails = thumbnails_of(sources, options_.quality);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!add(batch[i], images[i], thumbnails[i])) return i;
    }
    return batch.size();
  }

  bool add(const Wanted& wanted, const PageImage& image, const std::string& thumbnail) {
    std::vector<PageMap> maps;
    if (wanted.is_in_list && page_.maps) maps = page_.maps(wanted.row);
    std::string elements;
    if (!thumbnail.empty()) elements += image_element(fmt::format("i{}", wanted.row), thumbnail);
    for (std::size_t i = 0; i < maps.size(); ++i) {
      const std::string map = thumbnail_of(maps[i].image, kListScale * options_.thumbnail_px, options_.quality);
      elements += image_element(fmt::format("i{}-{}", wanted.row, i + 1), map);
    }
    const bool has_labels = page_.document.at("has_labels").get<bool>();
    ordered_json facts = image_facts(image, has_labels);
    facts["has_thumbnail"] = !thumbnail.empty();
    for (const PageMap& map : maps) facts["maps"].push_back(map.caption);
    const std::string entry = fmt::format("{}\"{}\":{}", facts_.empty() ? "" : ",", wanted.row, script_json(facts));
    if (!has_room(elements.size() + entry.size())) return false;
    write(elements);
    facts_ += entry;
    note(wanted.row, image, thumbnail.empty());
    return true;
  }

  bool has_room(std::size_t bytes) {
    const auto needed = static_cast<std::int64_t>(facts_.size() + bytes);
    is_full_ = written_.bytes + fixed_bytes_ + needed > options_.max_bytes;
    return !is_full_;
  }

  /// What shown_cells() takes at most: "[row,column,[", "]]," and each image with a comma.
  std::size_t most_cell_bytes() const {
    std::size_t bytes = 0;
    for (const PageCell& cell : page_.cells) {
      bytes += fmt::formatted_size("[{},{},[]],", cell.row, cell.column);
      const std::size_t shown = std::min(cell.images.size(), static_cast<std::size_t>(options_.images_per_cell));
      for (std::size_t i = 0; i < shown; ++i) bytes += fmt::formatted_size("{},", cell.images[i]);
    }
    return bytes;
  }

  void note(std::int64_t row, const PageImage& image, bool has_no_thumbnail) {
    shown_.insert(row);
    ++written_.images;
    if (!has_no_thumbnail || image.file.empty()) return;
    ++written_.unreadable;
    if (written_.unreadable_names.size() < kNamedUnreadable) written_.unreadable_names.push_back(image.name);
  }

  ordered_json shown_cells() const {
    ordered_json cells = ordered_json::array();
    for (const PageCell& cell : page_.cells) {
      ordered_json images = ordered_json::array();
      for (const std::int64_t row : cell.images) {
        if (images.size() == static_cast<std::size_t>(options_.images_per_cell)) break;
        if (shown_.contains(row)) images.push_back(row);
      }
      if (!images.empty()) cells.push_back({cell.row, cell.column, std::move(images)});
    }
    return cells;
  }

  /// The page's data; texts that are JSON already are not parsed again.
  std::string data() const {
    ordered_json rest = {{"title", page_.title},
                         {"cells", shown_cells()},
                         {"images_per_cell", options_.images_per_cell},
                         {"max_bytes", options_.max_bytes},
                         {"left_out", written_.left_out},
                         {"unreadable", written_.unreadable},
                         {"unreadable_names", written_.unreadable_names}};
    std::string text = script_json(rest);
    text.pop_back();  // its last brace
    return text + ",\"images\":{" + facts_ + "},\"document\":" + document_ + "}";
  }

  const ReportPage& page_;
  const ReportPageOptions& options_;
  core::AtomicFile file_;
  SinglePage single_;
  std::string document_;
  std::string facts_;  ///< "17":{…},"18":{…}
  std::unordered_set<std::int64_t> shown_;
  std::int64_t fixed_bytes_ = 0;
  bool is_full_ = false;
  WrittenPage written_;
};

void check_range(const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  throw std::invalid_argument(
      fmt::format("[write_report_page] {} must lie in {} … {}, got {}", name, low, high, value));
}

void check(const ReportPage& page, const ReportPageOptions& options) {
  check_range("max_bytes", options.max_bytes, 0, std::int64_t{1} << 40);
  check_range("images_per_cell", options.images_per_cell, 0, 100);
  check_range("thumbnail_px", options.thumbnail_px, 16, 1024);
  check_range("quality", options.quality, 1, 100);
  for (const char* key : {"vocab", "has_labels", "task", "summary", "classes", "top_losses"}) {
    if (!page.document.contains(key)) {
      throw std::invalid_argument(
          fmt::format("[write_report_page] the document must be an interpretation's; it has no \"{}\"", key));
    }
  }
  if (!page.image && !wanted_images(page, options.images_per_cell).empty()) {
    throw std::invalid_argument("[write_report_page] there are images to show, but no `image` to get them from");
  }
}

}  // namespace

ordered_json image_facts(const PageImage& image, bool has_labels) {
  ordered_json facts = {{"name", image.name}, {"predicted", image.predicted}};
  if (has_labels) facts["labels"] = image.labels;
  const auto add = [&facts](const char* key, const std::optional<double>& value) {
    if (value) facts[key] = *value;
  };
  add("probability", image.probability);
  add("label_probability", image.label_probability);
  add("loss", image.loss);
  add("p_known", image.p_known);
  return facts;
}

WrittenPage write_report_page(const std::filesystem::path& file, const ReportPage& page,
                              const ReportPageOptions& options) {
  check(page, options);
  return PageWriter(file, page, options).run();
}

}  // namespace margay::web
