#include "margay/data/edits/sorted_folder.h"

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/field_type.h"
#include "margay/core/text.h"
#include "margay/data/source/csv.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSortedHeader = "path,label,probability,sorted_to,how\n";
constexpr std::string_view kUnreadableHeader = "path,problem\n";

/// One for an image, however its path is written.
std::string identity_of(const fs::path& path) {
  std::error_code failure;
  const fs::path absolute = fs::absolute(path, failure).lexically_normal();
  const fs::path folder = fs::weakly_canonical(absolute.parent_path(), failure);
  return failure ? absolute.native() : (folder / absolute.filename()).native();
}

/// The first cells of the lines of a table, which is begun if it is empty.
std::unordered_set<std::string> paths_in(core::LineFile& table, std::string_view header) {
  const std::string text = table.read();
  if (text.empty()) {
    table.append(header);
    return {};
  }
  if (!text.starts_with(header)) {
    throw core::FormatError(table.path(), fmt::format("this is no table of an earlier sorting, which begins with '{}'; "
                                                      "name another folder",
                                                      header.substr(0, header.size() - 1)));
  }
  std::unordered_set<std::string> paths;
  for_each_record(text, table.path(), ',', [&](std::size_t /*line*/, std::vector<std::string>&& cells) {
    paths.insert(std::move(cells.front()));
  });
  return paths;
}

}  // namespace

SortedFolder::SortedFolder(const fs::path& folder, const Labels& classes, PlacedAs how)
    : folders_(folder),
      how_(how),
      table_(folder / kTable),
      unreadable_table_(folder / kUnreadable),
      lock_(folder / ".lock") {
  for (const std::string& label : classes) {
    if (folder_of_class(label) == kNone) {
      throw core::DataError(folder, fmt::format("the model has a class '{}', as the folder for images of none of its "
                                                "classes is called",
                                                label));
    }
  }
  sorted_ = paths_in(table_, kSortedHeader);
  listed_ = paths_in(unreadable_table_, kUnreadableHeader);
  folders_.remove_left_parts();
}

bool SortedFolder::was_sorted(const fs::path& path) const { return sorted_.contains(identity_of(path)); }

void SortedFolder::add(const fs::path& path, const SortedAs& as) {
  if (was_sorted(path)) return;
  std::string lines;
  bool is_new = false;
  const auto put = [&](const std::string& folder, const std::string& label) {
    const PlacedImage placed = folders_.place(path, folder, how_);
    is_new = is_new || !placed.was_there;
    ++counts_[folder];
    lines += fmt::format("{},{},{:.6f},{},{}\n", csv_cell(identity_of(path)), csv_cell(label), as.probability,
                         csv_cell(placed.name), core::to_text(how_));
  };
  for (const std::string& label : as.labels) put(label, label);
  if (as.labels.empty()) put(kNone, as.best);
  table_.append(lines);
  sorted_.insert(identity_of(path));
  ++(is_new ? added_ : found_);
}

void SortedFolder::add_unreadable(const fs::path& path, const std::string& problem) {
  ++unreadable_;
  const std::string name = identity_of(path);
  if (!listed_.insert(name).second) return;
  unreadable_table_.append(fmt::format("{},{}\n", csv_cell(name), csv_cell(core::one_line(problem))));
}

void SortedFolder::sync() {
  table_.sync();
  unreadable_table_.sync();
}

}  // namespace margay::data
