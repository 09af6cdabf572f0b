#include "margay/run/label_origin.h"

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/data/source/labels.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

/// What a sentence says before and after the label that is found, and instead of it.
struct OriginWords {
  std::string before;
  std::string after;
  std::string missed;
};

LabelOrigin found_by(const data::Labeller& labeller, const fs::path& image, const OriginWords& words) {
  const std::optional<data::Labels> labels = labeller.label(image.string());
  if (!labels) return {.labels = std::nullopt, .words = words.missed};
  const std::string names =
      labels->empty() ? "none of the classes" : fmt::format("'{}'", core::joined(*labels, "', '"));
  return {.labels = labels, .words = words.before + names + words.after};
}

LabelOrigin unknown_without_folder(const std::string& where) {
  return {.labels = std::nullopt,
          .words = fmt::format("{}; name the folder of the training's images with `data`, or the label itself with "
                               "`label`.",
                               where)};
}

LabelOrigin from_path(const fs::path& image, const std::string& pattern, const fs::path& folder) {
  const std::string begin = fmt::format("The pattern '{}' finds ", pattern);
  if (folder.empty()) return unknown_without_folder(begin + "it in the path below the folder of the images");
  return found_by(data::path_regex_labels(pattern, folder), image,
                  {begin, " in its path.", begin + "nothing in its path, so the image has no label."});
}

LabelOrigin from_folder(const fs::path& image, int levels) {
  const std::string which =
      levels == 1 ? "the folder that holds the image" : fmt::format("the folder {} levels above the image", levels);
  return found_by(data::folder_labels(levels), fs::absolute(image),
                  {"The label is the name of " + which + ": ", ".",
                   "The label would be the name of " + which + ", which is not there."});
}

LabelOrigin from_table(const fs::path& image, const DataOptions& options, const fs::path& folder) {
  const std::string table = core::shown_path(options.labels_csv);
  if (folder.empty()) return unknown_without_folder(fmt::format("The label stands in a table, {}", table));
  return found_by(*make_unsplit_block(folder, options).labeller(), image,
                  {table + " says it: ", ".", table + " does not list the image, so it has no label."});
}

LabelOrigin from_name(const fs::path& image, const std::string& pattern) {
  const std::string begin = fmt::format("The pattern '{}' finds ", pattern);
  const std::string end = fmt::format(" in the name '{}'", core::shown_path(image.filename()));
  return found_by(data::regex_labels(pattern), image,
                  {begin, end + ".", begin + "nothing" + end + ", so the image has no label."});
}

}  // namespace

LabelOrigin label_origin(const fs::path& image, const DataOptions& options, const fs::path& folder) {
  if (!options.labels_csv.empty()) return from_table(image, options, folder);
  if (!options.label_regex.empty()) return from_name(image, options.label_regex);
  if (!options.label_path_regex.empty()) return from_path(image, options.label_path_regex, folder);
  return from_folder(image, options.label_folder.value_or(1));
}

}  // namespace margay::run
