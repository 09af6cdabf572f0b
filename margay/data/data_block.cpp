#include "margay/data/data_block.h"

#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/check/deep_images.h"
#include "margay/data/common_folder.h"
#include "margay/data/edits/label_edits.h"
#include "margay/data/source/names.h"
#include "margay/data/source/splits.h"

namespace margay::data {
namespace {

using ClassCounts = std::vector<std::size_t>;

ClassCounts count(const Dataset& dataset, const Vocabulary& vocabulary) {
  ClassCounts counts(static_cast<std::size_t>(vocabulary.size()));
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    for (const std::int64_t index : dataset.classes(i)) ++counts[static_cast<std::size_t>(index)];
  }
  return counts;
}

template <class Condition>
NameList classes_where(const Vocabulary& vocabulary, Condition&& condition) {
  NameList names;
  for (std::size_t k = 0; k < vocabulary.names().size(); ++k) {
    if (condition(k)) names.add(vocabulary.names()[k]);
  }
  return names;
}

NameList names_with_control_characters(const Vocabulary& vocabulary) {
  NameList names;
  for (const std::string& name : vocabulary.names()) {
    if (core::one_line(name) != name) names.add(core::with_hidden_shown(name));
  }
  return names;
}

std::size_t groups_on_both_sides(const Datasets& datasets) {
  std::set<std::int64_t> in_training;
  std::set<std::int64_t> on_both_sides;
  for (std::size_t i = 0; i < datasets.train->size(); ++i) {
    if (const auto group = datasets.train->group(i)) in_training.insert(*group);
  }
  for (std::size_t i = 0; i < datasets.valid->size(); ++i) {
    const auto group = datasets.valid->group(i);
    if (group && in_training.contains(*group)) on_both_sides.insert(*group);
  }
  return on_both_sides.size();
}

/// Warnings about what is allowed but probably not intended, one sentence each: only one class, classes with one image
/// or none, classes that are missing from the training or the validation set, an empty validation set, torn groups, odd
/// names.
std::vector<std::string> data_warnings(const Datasets& datasets, bool expects_validation) {
  const ClassCounts train = count(*datasets.train, datasets.vocabulary);
  const ClassCounts valid = count(*datasets.valid, datasets.vocabulary);
  std::vector<std::string> warnings;
  const auto warn = [&](const NameList& classes, const std::string& what, const std::string& of_many) {
    if (classes.empty()) return;
    warnings.push_back(
        fmt::format("{}: {}", core::counted(classes.size(), "class " + what, "classes " + of_many), classes.text()));
  };
  const auto classes = [&](auto&& condition) { return classes_where(datasets.vocabulary, condition); };
  const bool is_single = datasets.train->task() == Task::kSingleLabel;
  if (datasets.vocabulary.size() == 1 && is_single)
    warnings.emplace_back("there is only one class, so nothing can be learnt");
  if (datasets.valid->size() == 0 && expects_validation) {
    warnings.emplace_back("no image validates, so no error rate can be given");
  }
  warn(classes([&](std::size_t k) { return train[k] + valid[k] == 1; }), "with a single image",
       "with a single image each");
  warn(classes([&](std::size_t k) { return train[k] + valid[k] == 0; }), "without images", "without images");
  warn(classes([&](std::size_t k) { return train[k] == 0 && valid[k] > 0; }), "that never trains, only validates",
       "that never train, only validate");
  warn(names_with_control_characters(datasets.vocabulary), "whose name holds line ends or other control characters",
       "whose names hold line ends or other control characters");
  const std::size_t torn = groups_on_both_sides(datasets);
  if (torn > 0) {
    warnings.push_back(
        fmt::format("{} images in the training set and in the validation set, which then measures too well",
                    core::counted(torn, "group has", "groups have")));
  }
  for (const std::vector<std::string>& alike : names_of_other_joints(datasets.vocabulary.names())) {
    warnings.push_back(
        fmt::format("the classes '{}' differ only in '_', '-' and blanks; give them one name if they are one class",
                    core::joined(alike, "', '")));
  }
  if (datasets.valid->size() > 0) {
    warn(classes([&](std::size_t k) { return train[k] > 1 && valid[k] == 0; }), "without validation images",
         "without validation images");
  }
  return warnings;
}

/// The labels of the items that train or validate, each once.
Labels labels_of(const Items& items, const Split& split) {
  std::vector<bool> occurs(items.label_names().size());
  for (const auto* rows : {&split.train, &split.valid}) {
    for (const std::size_t row : *rows) {
      for (const std::uint32_t id : items.label_ids(row)) occurs[id] = true;
    }
  }
  Labels labels;
  for (std::size_t id = 0; id < occurs.size(); ++id) {
    if (occurs[id]) labels.push_back(items.label_names()[id]);
  }
  return labels;
}

}  // namespace

Loaders resized(const Loaders& loaders, int size) {
  Loaders other{
      loaders.train.resized(size), std::nullopt, loaders.vocabulary, loaders.warnings, loaders.root, loaders.edits};
  if (loaders.valid) other.valid = loaders.valid->resized(size);
  const int presized = loaders.transforms().resize.size;
  if (size > presized) {
    other.warnings.push_back(
        fmt::format("images are presized to {} pixels and then magnified to {}; presize to {} at least to see more of "
                    "them",
                    presized, size, size));
  }
  return other;
}

Loaders evaluated_at(const Loaders& loaders, int size) {
  const int presized = loaders.transforms().resize.size;
  if (size > presized) {
    throw std::invalid_argument(fmt::format(
        "[loaders] `eval_size` {0} exceeds the {1} pixels that images are presized to, and would only magnify "
        "them; make `resize.size` {0} at least",
        size, presized));
  }
  Loaders other{loaders.train.evaluated_at(size),
                std::nullopt,
                loaders.vocabulary,
                loaders.warnings,
                loaders.root,
                loaders.edits};
  if (loaders.valid) other.valid = loaders.valid->evaluated_at(size);
  return other;
}

DataBlock& DataBlock::items(ImageList images) & {
  images_ = std::move(images);
  return *this;
}

DataBlock DataBlock::items(ImageList images) && { return std::move(items(std::move(images))); }

DataBlock& DataBlock::label(Labeller labeller) & {
  labeller_ = std::move(labeller);
  return *this;
}

DataBlock DataBlock::label(Labeller labeller) && { return std::move(label(std::move(labeller))); }

DataBlock& DataBlock::split(Splitter splitter) & {
  splitter_ = std::move(splitter);
  return *this;
}

DataBlock DataBlock::split(Splitter splitter) && { return std::move(split(std::move(splitter))); }

DataBlock& DataBlock::expects_no_validation() & {
  expects_validation_ = false;
  return *this;
}

DataBlock DataBlock::expects_no_validation() && { return std::move(expects_no_validation()); }

DataBlock& DataBlock::group(Labeller labeller) & {
  group_ = std::move(labeller);
  return *this;
}

DataBlock DataBlock::group(Labeller labeller) && { return std::move(group(std::move(labeller))); }

DataBlock& DataBlock::vocabulary(Vocabulary vocabulary) & {
  vocabulary_ = std::move(vocabulary);
  return *this;
}

DataBlock DataBlock::vocabulary(Vocabulary vocabulary) && { return std::move(this->vocabulary(std::move(vocabulary))); }

DataBlock& DataBlock::similar_classes(SimilarClasses choice) & {
  similar_classes_ = choice;
  return *this;
}

DataBlock DataBlock::similar_classes(SimilarClasses choice) && { return std::move(similar_classes(choice)); }

DataBlock& DataBlock::warn(std::string warning) & {
  warnings_.push_back(std::move(warning));
  return *this;
}

DataBlock DataBlock::warn(std::string warning) && { return std::move(warn(std::move(warning))); }

DataBlock& DataBlock::left_out(LeftOut left_out) & {
  left_out_ = std::move(left_out);
  return *this;
}

DataBlock DataBlock::left_out(LeftOut left_out) && { return std::move(this->left_out(std::move(left_out))); }

DataBlock& DataBlock::edits(std::shared_ptr<const LabelEdits> edits) & {
  edits_ = std::move(edits);
  if (edits_ == nullptr) return *this;
  edits_->tell(left_out_);
  for (const std::string& sentence : edits_->sentences()) warnings_.push_back(sentence);
  return *this;
}

DataBlock DataBlock::edits(std::shared_ptr<const LabelEdits> edits) && {
  return std::move(this->edits(std::move(edits)));
}

DataBlock& DataBlock::deep_bits(int bits) & {
  transforms_.deep_bits = bits;
  return *this;
}

DataBlock DataBlock::deep_bits(int bits) && { return std::move(deep_bits(bits)); }

DataBlock& DataBlock::item_transform(const Resize& resize) & {
  transforms_.resize = resize.options();
  return *this;
}

DataBlock DataBlock::item_transform(const Resize& resize) && { return std::move(item_transform(resize)); }

DataBlock& DataBlock::batch_transform(const Augment& augment) & {
  transforms_.augment = augment.options();
  return *this;
}

DataBlock DataBlock::batch_transform(const Augment& augment) && { return std::move(batch_transform(augment)); }

DataBlock& DataBlock::normalize(const Normalization& normalization) & {
  transforms_.normalization = normalization;
  return *this;
}

DataBlock DataBlock::normalize(const Normalization& normalization) && { return std::move(normalize(normalization)); }

std::shared_ptr<const Items> DataBlock::labelled() const {
  if (images_.empty()) throw std::invalid_argument("[DataBlock] no items; give them with items(image_files(folder))");
  if (!labeller_) throw std::invalid_argument("[DataBlock] no labels; say how to get them with label(…)");
  const auto items = std::make_shared<Items>(labeller_->task);
  NameList unlabelled;
  for (std::size_t i = 0; i < images_.size(); ++i) {
    const std::optional<Labels> labels = labeller_->label(paths().text(i));
    if (labels) items->add(images_, i, *labels);
    if (!labels) unlabelled.add(paths()[i].filename().string());
  }
  if (unlabelled.empty()) return items;
  throw core::DataError(
      common_folder(paths()),
      fmt::format("{} of {} images get no label by {}: {}; change it, or take these images out of the folder",
                  unlabelled.size(), images_.size(), labeller_->description, unlabelled.text()));
}

Datasets DataBlock::datasets() const {
  const std::shared_ptr<const Items> given = labelled();
  std::string merged;
  const auto merge = [&](std::shared_ptr<const Items> items) {
    if (similar_classes_ != SimilarClasses::kMerge) return items;
    return std::make_shared<const Items>(
        with_similar_merged(*items, vocabulary_ ? vocabulary_->names() : Labels{}, merged));
  };
  std::shared_ptr<const Items> items = merge(given);
  if (!splitter_)
    throw std::invalid_argument("[DataBlock] no split; choose the validation set with split(random_split())");
  Split split = splitter_(*items);
  const std::size_t no_side = items->size() - split.train.size() - split.valid.size();
  if (edits_ != nullptr) {
    merged.clear();
    items = merge(std::make_shared<const Items>(edits_->apply(*given)));
    split = edits_->without_deleted(*items, std::move(split));
  }
  if (split.train.empty()) {
    throw core::DataError(common_folder(*items),
                          fmt::format("the split leaves none of {} images for training", items->size()));
  }
  Datasets datasets;
  const Labels labels = labels_of(*items, split);
  if (!vocabulary_ && similar_classes_ == SimilarClasses::kRefuse) refuse_similar_classes(*items, labels);
  datasets.vocabulary = vocabulary_ ? *vocabulary_ : Vocabulary::of_labels(labels);
  const Dataset::GroupOfItem groups =
      group_ ? std::make_shared<const std::vector<std::uint32_t>>(groups_of(*items, *group_).of_item) : nullptr;
  datasets.train = std::make_shared<Dataset>(items, std::move(split.train), datasets.vocabulary, groups);
  datasets.valid = std::make_shared<Dataset>(items, std::move(split.valid), datasets.vocabulary, groups);
  datasets.warnings = data_warnings(datasets, expects_validation_);
  if (!merged.empty()) datasets.warnings.insert(datasets.warnings.begin(), merged);
  datasets.warnings.insert(datasets.warnings.begin(), warnings_.begin(), warnings_.end());
  const std::vector<std::string> told = left_out_.sentences();
  datasets.warnings.insert(datasets.warnings.begin(), told.begin(), told.end());
  if (no_side > 0) {
    datasets.warnings.push_back(
        fmt::format("{} of {} images are left out: the split puts them on neither side", no_side, items->size()));
  }
  return datasets;
}

Loaders DataBlock::loaders(const LoaderOptions& options) const {
  Datasets datasets = this->datasets();
  const ImagePipeline pipeline(transforms_, options.max_pixels);
  const DeepImages deep = look_for_deep_images(images_, options.max_pixels);
  const std::string deep_warning = deep_bits_warning(deep, transforms_.deep_bits);
  if (!deep_warning.empty()) datasets.warnings.push_back(deep_warning);
  std::optional<Loader> valid;
  const auto cache = make_image_cache(options, cached_transforms(transforms_.resize, pipeline.read_options()));
  if (datasets.valid->size() > 0) valid.emplace(datasets.valid, pipeline, Phase::kValid, options, cache);
  return {Loader(datasets.train, pipeline, Phase::kTrain, options, cache),
          std::move(valid),
          std::move(datasets.vocabulary),
          std::move(datasets.warnings),
          {},
          edits_};
}

}  // namespace margay::data
