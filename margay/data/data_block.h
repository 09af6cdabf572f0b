#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/item.h"
#include "margay/data/loader/loader.h"
#include "margay/data/summary.h"

namespace margay::data {

/// Training and validation batches of one problem.
struct Loaders {
  Loader train;
  std::optional<Loader> valid;  ///< absent when no image validates
  Vocabulary vocabulary;
  std::vector<std::string> warnings;

  Task task() const { return train.dataset().task(); }
  /// A copy, which outlives loaders that nobody keeps.
  Transforms transforms() const { return train.pipeline().transforms(); }
};

/// The same data for a network's input of another size, pixels: the same images, presized as before, in the same
/// batches, and one cache for both. So a network may begin with small images, of which an epoch costs little, and go
/// on with larger ones (progressive resizing: Howard, fast.ai's DAWNBench entries, 2018; the fast.ai book, chapter 7;
/// for generators Karras et al., arXiv:1710.10196). A size above the presizing's magnifies, with a warning among the
/// loaders'. Throws std::invalid_argument for a size out of range.
Loaders resized(const Loaders& loaders, int size);

/// What the data is, said once: which images, how each gets its label, the split, what happens to pixels.
/// A value: every setter returns the block, so calls chain. On a temporary they return, and getters give, values, so
/// nothing refers to a block that is gone.
class DataBlock {
 public:
  /// Files, or bytes with names; a labeller and a splitter go by the names.
  DataBlock& items(ImageList images) &;
  DataBlock items(ImageList images) &&;
  DataBlock& label(Labeller labeller) &;
  DataBlock label(Labeller labeller) &&;
  DataBlock& split(Splitter splitter) &;
  DataBlock split(Splitter splitter) &&;
  /// The classes and their order; without it, those that occur, sorted.
  DataBlock& vocabulary(Vocabulary vocabulary) &;
  DataBlock vocabulary(Vocabulary vocabulary) &&;
  /// Adds a sentence to Datasets::warnings: what the source of the images found.
  DataBlock& warn(std::string warning) &;
  DataBlock warn(std::string warning) &&;
  DataBlock& item_transform(const Resize& resize) &;
  DataBlock item_transform(const Resize& resize) &&;
  DataBlock& batch_transform(const Augment& augment) &;
  DataBlock batch_transform(const Augment& augment) &&;
  DataBlock& normalize(const Normalization& normalization) &;
  DataBlock normalize(const Normalization& normalization) &&;

  /// Labels and splits; reads no pixels.
  /// Throws core::DataError: images without a label (three are named), no training images.
  /// Throws std::invalid_argument when items, label or split were not given.
  Datasets datasets() const;

  /// Throws as datasets does, and std::invalid_argument for options out of range.
  Loaders loaders(const LoaderOptions& options = {}) const;

  /// Walks one image and one batch through every stage. Never throws for the data's faults: the summary then
  /// ends with the stage that failed, on which file, with what and what to do.
  Summary summary(const LoaderOptions& options = {}) const;

  Transforms transforms() const { return transforms_; }
  const ImageList& images() const& { return images_; }
  ImageList images() && { return std::move(images_); }
  /// Of the files, and the names of other images.
  const PathList& paths() const& { return images_.names(); }
  PathList paths() && { return images_.names(); }
  const std::optional<Labeller>& labeller() const& { return labeller_; }
  std::optional<Labeller> labeller() && { return std::move(labeller_); }
  const Splitter& splitter() const& { return splitter_; }
  Splitter splitter() && { return std::move(splitter_); }
  /// Those of warn(), without what datasets() finds.
  const std::vector<std::string>& warnings() const& { return warnings_; }
  std::vector<std::string> warnings() && { return std::move(warnings_); }

 private:
  std::shared_ptr<const Items> labelled() const;

  ImageList images_;
  std::optional<Labeller> labeller_;
  Splitter splitter_;
  std::optional<Vocabulary> vocabulary_;
  std::vector<std::string> warnings_;
  Transforms transforms_;
};

}  // namespace margay::data
