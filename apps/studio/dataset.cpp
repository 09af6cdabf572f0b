#include "apps/studio/dataset.h"

#include <algorithm>

#include "margay/data/check/check_images.h"
#include "margay/data/check/deep_images.h"
#include "margay/run/data_options.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;

/// The path as text, without the folder before it.
std::string_view below(std::string_view path, std::string_view folder) {
  if (!path.starts_with(folder)) return path;
  path.remove_prefix(folder.size());
  while (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

ImageSide side_of(data::Side side) {
  if (side == data::Side::kTrain) return ImageSide::kTrain;
  return side == data::Side::kValid ? ImageSide::kValid : ImageSide::kNone;
}

/// The position among the classes of each label that occurs.
std::vector<std::uint32_t> class_of_each_label(const std::vector<std::string>& labels,
                                               const std::vector<ClassSize>& classes) {
  std::vector<std::uint32_t> places;
  for (const std::string& label : labels) {
    const auto found =
        std::lower_bound(classes.begin(), classes.end(), label,
                         [](const ClassSize& each, const std::string& name) { return each.name < name; });
    places.push_back(static_cast<std::uint32_t>(found - classes.begin()));
  }
  return places;
}

}  // namespace

const char* name_of(ImageSide side) {
  if (side == ImageSide::kTrain) return "train";
  return side == ImageSide::kValid ? "valid" : "none";
}

std::shared_ptr<const OpenedDataset> OpenedDataset::open(const fs::path& folder, const run::DataOptions& options) {
  const std::timespec begun = FolderTimes::now();
  const run::ExplainedBlock explained = run::make_explained_block(folder, options, data::Gaps::kKeep);
  const data::LabelledData found = data::labelled_data(explained.block);
  const std::shared_ptr<OpenedDataset> opened(new OpenedDataset);
  opened->folder_ = folder;
  opened->labels_by = found.labels_by;
  opened->split_by = explained.split_by;
  opened->split_problem = found.split_problem;
  opened->warnings = explained.block.warnings();
  opened->left_out = explained.block.left_out().sentences();
  opened->deep_bits = data::look_for_deep_images(explained.block.images(), data::ReadOptions().max_pixels).bits;
  opened->is_multi_label_ = found.items.task() == data::Task::kMultiLabel;
  for (const data::ClassCount& each : found.classes()) {
    opened->classes_.push_back({each.name, each.images, each.train, each.valid});
  }
  std::sort(opened->classes_.begin(), opened->classes_.end(),
            [](const ClassSize& a, const ClassSize& b) { return a.name < b.name; });
  const std::vector<std::uint32_t> places = class_of_each_label(found.items.label_names(), opened->classes_);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!opened->names_.add(below(found.paths.text(i), folder.native()))) continue;  // listed twice
    if (found.has_label[i]) {
      for (const std::uint32_t label : found.items.label_ids(i)) opened->label_ids_.push_back(places[label]);
    }
    opened->unlabelled_ += found.has_label[i] ? 0 : 1;
    opened->first_label_.push_back(opened->label_ids_.size());
    opened->sides_.push_back(side_of(found.sides[i]));
  }
  opened->folder_times_.note_images(
      folder, opened->size(), [&](std::size_t i) { return opened->name(i); }, begun);
  return opened;
}

std::span<const std::uint32_t> OpenedDataset::labels(std::size_t i) const {
  return {label_ids_.data() + first_label_[i], first_label_[i + 1] - first_label_[i]};
}

std::optional<std::size_t> OpenedDataset::find_path(const fs::path& path) const {
  return names_.find(below(path.native(), folder_.native()));
}

std::size_t OpenedDataset::count(ImageSide side) const {
  return static_cast<std::size_t>(std::count(sides_.begin(), sides_.end(), side));
}

}  // namespace margay::studio
