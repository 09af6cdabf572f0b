#include "margay/run/image_choice.h"

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/source/names.h"
#include "margay/data/source/split_files.h"
#include "margay/data/source/splits.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using data::LeftOutKind;
using data::SplitPart;

std::string first_label(const data::Labeller& labeller, std::string_view path) {
  const std::optional<data::Labels> labels = labeller.label(path);
  return labels && !labels->empty() ? labels->front() : "";
}

/// Below the root: "a/b" of "pics/a/b/", where the images are in pics, and of "a/b".
std::string folder_below(const data::Root& root, std::string folder) {
  while (folder.ends_with('/')) folder.pop_back();
  return std::string(root.below(folder).value_or(folder));
}

/// How many folders stand before `folder` in the path; a name of one folder is found at any depth.
std::optional<std::size_t> place_of_folder(std::string_view path, std::string_view folder) {
  if (folder.find('/') != std::string_view::npos) {
    return path.starts_with(std::string(folder) + "/") ? std::optional<std::size_t>(0) : std::nullopt;
  }
  std::size_t before = 0;
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
    if (path.substr(0, slash) == folder) return before;
    path.remove_prefix(slash + 1);
    ++before;
  }
  return std::nullopt;
}

/// The names of all folders on the ways to the images.
std::vector<std::string> folder_names(const data::Root& root, const data::PathList& images) {
  std::unordered_set<std::string> names;
  for (std::size_t i = 0; i < images.size(); ++i) {
    for (const fs::path& name : fs::path(root.relative(images.text(i))).parent_path()) names.insert(name.string());
  }
  return {names.begin(), names.end()};
}

/// What may be taken for a folder that is not there.
std::string folders_instead(const std::string& wanted, std::vector<std::string> there) {
  if (const std::string near = core::did_you_mean(wanted, there); !near.empty()) return near;
  if (there.empty()) return "; there is no folder in this one";
  std::sort(there.begin(), there.end());
  data::NameList names;
  for (const std::string& each : there) names.add(each);
  return "; the folders here are " + names.text();
}

}  // namespace

ImageChoice::ImageChoice(fs::path folder, FoundImages found, data::Gaps gaps)
    : folder_(std::move(folder)), found_(std::move(found)), gaps_(gaps) {
  const data::FolderLayout layout(data::Root(folder_), found_.images, [this](std::size_t i) {
    return first_label(found_.labeller, found_.images.text(i));
  });
  problem_ = layout.problem();
  for (std::size_t i = 0; i < found_.images.size(); ++i) {
    parts_.push_back(layout.part(i));
    loose_.push_back(found_.label_levels && layout.is_loose(i, *found_.label_levels));
  }
  const std::string nested = found_.label_levels == 1 ? layout.nested_class() : "";
  if (nested.empty()) return;
  found_.warnings.push_back(
      fmt::format("images lie both in {}/{} and in folders below it; each of these folders is a class of its own; "
                  "`label_path_regex` can take the outer one for all",
                  core::shown_path(folder_), nested));
}

bool ImageChoice::has(SplitPart part) const { return std::find(parts_.begin(), parts_.end(), part) != parts_.end(); }

template <class Why>
void ImageChoice::leave_out(Why&& why) {
  std::size_t first = 0;
  while (first < parts_.size() && !why(first)) ++first;
  if (first == parts_.size()) return;  // most often; a million names are not copied
  data::PathList images;
  Parts parts;
  std::vector<bool> loose;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (const std::optional<LeftOutKind> kind = why(i)) {
      found_.left_out.add(*kind, found_.images.text(i));
      continue;
    }
    images.add(found_.images.text(i));
    parts.push_back(parts_[i]);
    loose.push_back(loose_[i]);
  }
  found_.images = std::move(images);
  parts_ = std::move(parts);
  loose_ = std::move(loose);
}

void ImageChoice::check_loose() const {
  std::size_t loose = 0;
  std::size_t all = 0;
  std::array<bool, 3> has_class = {false, false, false};
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i] == SplitPart::kTest) continue;
    ++all;
    loose += loose_[i] ? 1U : 0U;
    if (parts_[i] && !loose_[i]) has_class[static_cast<std::size_t>(*parts_[i])] = true;
  }
  constexpr const char* kRemedy = "say with `label_regex`, `label_folder` or `labels_csv` what they are";
  for (const SplitPart part : {SplitPart::kTrain, SplitPart::kValid}) {
    if (!has(part) || has_class[static_cast<std::size_t>(part)]) continue;
    throw core::DataError(folder_, fmt::format("the images of the {} set lie in no folder of a class; {}",
                                               part == SplitPart::kTrain ? "training" : "validation", kRemedy));
  }
  if (2 * loose <= all) return;
  throw core::DataError(folder_, fmt::format("{} of {} images lie beside the folders of classes, in none of them; {}",
                                             loose, all, kRemedy));
}

void ImageChoice::leave_loose_out() {
  const auto counts = [this](std::size_t i) { return parts_[i] != SplitPart::kTest; };
  bool is_any = false;
  bool are_all = true;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    is_any |= counts(i) && loose_[i];
    are_all &= !counts(i) || loose_[i];
  }
  const bool are_split = has(SplitPart::kTrain) && (has(SplitPart::kValid) || has(SplitPart::kTest));
  if (are_all && !are_split) loose_.assign(loose_.size(), false);  // images of one class, named after their folder
  if (!is_any || (are_all && !are_split)) return;
  check_loose();
  if (gaps_ == data::Gaps::kKeep) return;
  leave_out(
      [&](std::size_t i) { return counts(i) && loose_[i] ? std::optional(LeftOutKind::kLooseImage) : std::nullopt; });
}

void ImageChoice::forget_parts() {
  parts_.assign(parts_.size(), std::nullopt);
  problem_.clear();
}

std::vector<std::optional<std::size_t>> ImageChoice::places_of(const std::string& folder, const char* option) const {
  const data::Root root(folder_);
  const std::string name = folder_below(root, folder);
  std::vector<std::optional<std::size_t>> places;
  bool is_found = false;
  for (std::size_t i = 0; i < found_.images.size(); ++i) {
    places.push_back(place_of_folder(root.relative(found_.images.text(i)), name));
    is_found |= places.back().has_value();
  }
  if (is_found) return places;
  throw core::DataError(folder_, fmt::format("`{}`: no image lies below a folder '{}'{}", option, name,
                                             folders_instead(name, folder_names(root, found_.images))));
}

void ImageChoice::name_folders(const std::string& train, const std::string& valid) {
  if (train.empty() && valid.empty()) return;
  std::vector<std::optional<std::size_t>> in_train(parts_.size());
  std::vector<std::optional<std::size_t>> in_valid(parts_.size());
  if (!train.empty()) in_train = places_of(train, "train_folder");
  if (!valid.empty()) in_valid = places_of(valid, "valid_folder");
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (in_valid[i] && (!in_train[i] || *in_valid[i] <= *in_train[i])) {
      parts_[i] = SplitPart::kValid;
    } else if (in_train[i] || (train.empty() && parts_[i] != SplitPart::kTest)) {
      parts_[i] = SplitPart::kTrain;
    } else if (parts_[i] == SplitPart::kTrain || (!valid.empty() && parts_[i] == SplitPart::kValid)) {
      parts_[i].reset();
    }
  }
  problem_.clear();
  leave_out([&](std::size_t i) { return parts_[i] ? std::nullopt : std::optional(LeftOutKind::kOtherImage); });
}

void ImageChoice::check_layout() const {
  if (!problem_.empty()) throw core::DataError(folder_, problem_);
  if (!has(SplitPart::kTrain) || has(SplitPart::kValid)) return;
  for (const fs::path& empty : found_.empty_folders) {
    const auto name = data::part_of_name(empty.filename().string());
    if (!name || name->part != SplitPart::kValid) continue;
    throw core::DataError(empty,
                          "this folder of a validation set holds no image; fill or delete it, or draw the "
                          "validation set with `valid_fraction`");
  }
}

void ImageChoice::check_split_files() const {
  const std::string problem = data::problem_of_split_files(folder_, found_.empty_folders);
  if (!problem.empty()) throw core::DataError(folder_, problem);
}

void ImageChoice::leave_test_out() {
  const bool are_all = std::all_of(parts_.begin(), parts_.end(), [](auto part) { return part == SplitPart::kTest; });
  if (are_all) return parts_.assign(parts_.size(), std::nullopt);
  leave_out([this](std::size_t i) {
    return parts_[i] == SplitPart::kTest ? std::optional(LeftOutKind::kTestImage) : std::nullopt;
  });
}

void ImageChoice::keep_training_folder() {
  leave_out([this](std::size_t i) {
    return parts_[i] == SplitPart::kTrain ? std::nullopt : std::optional(LeftOutKind::kOtherImage);
  });
}

void ImageChoice::check_outside() const {
  data::NameList outside;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (!parts_[i] && !loose_[i]) outside.add(std::string(found_.images.text(i)));
  }
  if (outside.empty()) return;
  throw core::DataError(folder_,
                        fmt::format("{} outside the folders that train and validate: {}; move what lies there, name "
                                    "the folders with `train_folder` and `valid_folder`, or draw the validation set "
                                    "with `valid_fraction`",
                                    core::counted(outside.size(), "image lies", "images lie"), outside.text()));
}

data::Splitter ImageChoice::split_by_folders() {
  if (gaps_ == data::Gaps::kRefuse) {
    leave_test_out();
  } else {  // test images without a class would be findings
    leave_out([this](std::size_t i) {
      const bool has_label = found_.labeller.label(found_.images.text(i)).has_value() && !loose_[i];
      return parts_[i] == SplitPart::kTest && !has_label ? std::optional(LeftOutKind::kTestImage) : std::nullopt;
    });
  }
  check_outside();
  return data::part_split(parts_, folder_);
}

data::Splitter ImageChoice::without_test(data::Splitter splitter) const {
  return [parts = parts_, splitter = std::move(splitter)](const data::Items& items) {
    data::Split split = splitter(items);
    std::erase_if(split.train, [&](std::size_t row) { return parts[row] == SplitPart::kTest; });
    return split;
  };
}

/// With gaps, what is loose has no label.
data::Labeller ImageChoice::labeller() const {
  if (std::find(loose_.begin(), loose_.end(), true) == loose_.end()) return found_.labeller;
  const auto loose = std::make_shared<std::unordered_set<std::string>>();
  for (std::size_t i = 0; i < loose_.size(); ++i) {
    if (loose_[i]) loose->emplace(found_.images.text(i));
  }
  data::Labeller labeller = found_.labeller;
  labeller.label = [loose, label = labeller.label](std::string_view path) {
    return loose->contains(std::string(path)) ? std::nullopt : label(path);
  };
  return labeller;
}

data::DataBlock ImageChoice::block() {
  data::DataBlock block;
  block.label(labeller()).items(std::move(found_.images)).left_out(std::move(found_.left_out));
  for (const std::string& warning : found_.warnings) block.warn(warning);
  return block;
}

}  // namespace margay::run
