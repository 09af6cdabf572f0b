#include "margay/data/source/split_files.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/label_columns.h"
#include "margay/data/source/part_names.h"
#include "margay/data/source/table.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOrDraw = "or draw the validation set with `valid_fraction`";

/// What a list's name may say besides its part; "train_results.json" is none.
constexpr std::array<std::string_view, 13> kListWords = {
    "",   "list", "lists",      "name",        "names",    "label", "labels",
    "id", "ids",  "annotation", "annotations", "metadata", "index"};

/// The first two lines; more are not needed to know the columns.
std::string first_two_lines(const fs::path& path) {
  constexpr std::size_t kLongest = 100'000;
  std::ifstream file(path, std::ios::binary);
  std::string text(kLongest, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  const std::size_t first = text.find('\n');
  const std::size_t second = first == std::string::npos ? first : text.find('\n', first + 1);
  return text.substr(0, second);
}

/// Whether its columns hold names and a split.
bool is_split_table(const fs::path& path) {
  try {
    const Table table = parse_table(first_two_lines(path), path);
    const ColumnChoice split = is_valid_column(table, "");
    return (split.position || split.is_ambiguous) && name_column(table, "").position;
  } catch (const core::DataError&) {
    return false;  // no table that Margay reads
  }
}

/// The files of a folder that may say something of a split.
class SplitFiles {
 public:
  void look_into(const fs::path& folder) {
    FolderListing listing;
    try {
      listing = list_folder(folder);
    } catch (const core::DataError&) {
      return;  // the search for images told of it
    }
    PathList files = std::move(listing.files);
    files.sort();
    for (const fs::path& name : files) see(folder / name);
    see_lists();
  }

  /// "" where there is none.
  std::string problem() const {
    if (!table_.empty()) {
      return fmt::format("'{}' holds a split that is not asked for; take it with `valid_csv`, {}",
                         core::shown_path(table_), kOrDraw);
    }
    if (!lists_.first.empty()) {
      return fmt::format(
          "'{}' and '{}' look like a split that is not asked for; name the list of validation images "
          "with `valid_list`, {}",
          core::shown_path(lists_.first), core::shown_path(lists_.second), kOrDraw);
    }
    if (other_.empty()) return "";
    return fmt::format(
        "'{}' looks like a split that is not asked for; give it in the form that `valid_csv` or "
        "`valid_list` reads, {}",
        core::shown_path(other_), kOrDraw);
  }

 private:
  void see(const fs::path& path) {
    const std::string extension = core::lower_case(path.extension().string());
    static constexpr std::array<std::string_view, 4> kTables = {".csv", ".tsv", ".jsonl", ".ndjson"};
    static constexpr std::array<std::string_view, 4> kTexts = {".txt", ".lst", ".json", ".xlsx"};
    const auto is_among = [&](const auto& known) {
      return std::find(known.begin(), known.end(), extension) != known.end();
    };
    if (!is_among(kTables) && !is_among(kTexts)) return;
    if (table_.empty() && is_among(kTables) && is_split_table(path)) table_ = path;
    const std::string stem = path.stem().string();
    if (other_.empty() && names_a_split(stem)) other_ = path;
    const auto name = part_of_name(stem);
    if (!name || std::find(kListWords.begin(), kListWords.end(), name->rest) == kListWords.end()) return;
    parts_[name->rest + extension].emplace_back(name->part, path);
  }

  /// A training list and another one, of names that differ in the part alone.
  void see_lists() {
    for (const auto& [rest, files] : parts_) {
      const auto is_train = [](const auto& file) { return file.first == SplitPart::kTrain; };
      const auto train = std::find_if(files.begin(), files.end(), is_train);
      const auto other = std::find_if_not(files.begin(), files.end(), is_train);
      if (lists_.first.empty() && train != files.end() && other != files.end()) lists_ = {train->second, other->second};
    }
    parts_.clear();
  }

  fs::path table_;
  std::pair<fs::path, fs::path> lists_;
  fs::path other_;
  std::map<std::string, std::vector<std::pair<SplitPart, fs::path>>> parts_;  ///< by the rest of the name
};

}  // namespace

std::string problem_of_split_files(const fs::path& folder, const PathList& empty_folders) {
  SplitFiles files;
  files.look_into(folder);
  for (const fs::path& empty : empty_folders) files.look_into(empty);
  return files.problem();
}

}  // namespace margay::data
