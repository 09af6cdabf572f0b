#include "margay/data/data_block.h"

#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/data/data_warnings.h"
#include "margay/data/source/name_list.h"

namespace margay::data {
namespace {

std::shared_ptr<const Dataset> subset(const std::vector<Item>& items, const std::vector<std::size_t>& indices,
                                      const Vocabulary& vocabulary) {
  auto dataset = std::make_shared<Dataset>();
  for (const std::size_t index : indices) {
    dataset->items.push_back(items[index]);
    dataset->targets.push_back(vocabulary.index(items[index].label));
  }
  return dataset;
}

std::vector<std::string> labels_of(const std::vector<Item>& items, const Split& split) {
  std::vector<std::string> labels;
  for (const auto* indices : {&split.train, &split.valid}) {
    for (const std::size_t index : *indices) labels.push_back(items[index].label);
  }
  return labels;
}

}  // namespace

DataBlock& DataBlock::items(std::vector<std::filesystem::path> paths) {
  paths_ = std::move(paths);
  return *this;
}

DataBlock& DataBlock::label(Labeller labeller) {
  labeller_ = std::move(labeller);
  return *this;
}

DataBlock& DataBlock::split(Splitter splitter) {
  splitter_ = std::move(splitter);
  return *this;
}

DataBlock& DataBlock::item_transform(const Resize& resize) {
  recipe_.resize = resize.options();
  return *this;
}

DataBlock& DataBlock::batch_transform(const Augment& augment) {
  recipe_.augment = augment.options();
  return *this;
}

DataBlock& DataBlock::normalize(const Normalization& normalization) {
  recipe_.normalization = normalization;
  return *this;
}

std::vector<Item> DataBlock::labelled() const {
  if (paths_.empty()) throw std::invalid_argument("[DataBlock] no items; give them with items(image_files(folder))");
  if (!labeller_) throw std::invalid_argument("[DataBlock] no labels; say how to get them with label(…)");
  std::vector<Item> items;
  NameList unlabelled;
  for (const auto& path : paths_) {
    const std::optional<std::string> label = labeller_->label(path);
    if (label) items.push_back({path, *label});
    if (!label) unlabelled.add(path.filename().string());
  }
  if (unlabelled.empty()) return items;
  throw core::DataError(paths_.front().parent_path(),
                        fmt::format("{} of {} pictures get no label by {}: {}", unlabelled.size(), paths_.size(),
                                    labeller_->description, unlabelled.text()));
}

Datasets DataBlock::datasets() const {
  const std::vector<Item> items = labelled();
  if (!splitter_) throw std::invalid_argument("[DataBlock] no split; say who validates with split(random_split())");
  const Split split = splitter_(items);
  if (split.train.empty()) {
    throw core::DataError(items.front().path.parent_path(),
                          fmt::format("the split leaves none of {} pictures for training", items.size()));
  }
  Datasets datasets;
  datasets.vocabulary = Vocabulary::of_labels(labels_of(items, split));
  datasets.train = subset(items, split.train, datasets.vocabulary);
  datasets.valid = subset(items, split.valid, datasets.vocabulary);
  datasets.warnings = data_warnings(datasets);
  return datasets;
}

Loaders DataBlock::loaders(const LoaderOptions& options) const {
  Datasets datasets = this->datasets();
  const PicturePipeline pipeline(recipe_);
  std::optional<Loader> valid;
  if (datasets.valid->size() > 0) valid.emplace(datasets.valid, pipeline, Phase::kValid, options);
  return {Loader(datasets.train, pipeline, Phase::kTrain, options), std::move(valid), std::move(datasets.vocabulary),
          std::move(datasets.warnings)};
}

}  // namespace margay::data
