#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/item.h"
#include "margay/data/loader/loader.h"
#include "margay/data/source/left_out.h"
#include "margay/data/source/similar_classes.h"
#include "margay/data/summary.h"

namespace margay::data {

class LabelEdits;

/// Training and validation batches of one problem.
struct Loaders {
  Loader train;
  std::optional<Loader> valid;  ///< absent when the validation set is empty
  Vocabulary vocabulary;
  std::vector<std::string> warnings;
  /// The folder that the images' names are relative to in a model's memory (known_images); empty: the innermost one
  /// that holds them all.
  std::filesystem::path root = {};
  /// What was decided about labels and images, where that was asked for; null: nothing.
  std::shared_ptr<const LabelEdits> edits = {};

  Task task() const { return train.dataset().task(); }
  /// A copy, which outlives loaders that nobody keeps.
  Transforms transforms() const { return train.pipeline().transforms(); }
  /// Those of validation and prediction, whose size is that of evaluated_at().
  Transforms eval_transforms() const { return train.plain().pipeline().transforms(); }
};

/// The same data for a network input of another size, in pixels: the same images, presized as before, in the same
/// batches, with one cache for both. A network can start with small images, whose epochs are cheap, and continue with
/// larger ones (progressive resizing: Howard, fast.ai's DAWNBench entries, 2018; the fast.ai book, chapter 7; for
/// generators Karras et al., arXiv:1710.10196). A size larger than that of presizing magnifies the images and adds a
/// warning to the loaders. Throws std::invalid_argument for a size out of range.
Loaders resized(const Loaders& loaders, int size);

/// The same data, validated, and predicted by the model, at another size, in pixels, whatever size is trained on.
/// Random crops of training show things larger than the whole images of validation do, which a larger size makes up for
/// (Touvron, Vedaldi, Douze, Jégou, "Fixing the train-test resolution discrepancy", 2019, arXiv:1906.06423). Throws
/// std::invalid_argument for a size out of range or larger than that of presizing.
Loaders evaluated_at(const Loaders& loaders, int size);

/// The description of a dataset: which images there are, how each gets its label, the split, and the transforms.
/// It is a value type; every setter returns the block, so calls can be chained. On a temporary they return, and getters
/// give, values, so nothing refers to a block that is gone.
class DataBlock {
 public:
  /// Files, or bytes with names; a labeller and a splitter go by the names.
  DataBlock& items(ImageList images) &;
  DataBlock items(ImageList images) &&;
  DataBlock& label(Labeller labeller) &;
  DataBlock label(Labeller labeller) &&;
  DataBlock& split(Splitter splitter) &;
  DataBlock split(Splitter splitter) &&;
  /// The split is meant to leave the validation set empty, as where every image is judged by a probe that did not see
  /// it: nothing warns of that.
  DataBlock& expects_no_validation() &;
  DataBlock expects_no_validation() &&;
  /// Which images belong together, such as those of one patient: the group's name as a label, for every image. The
  /// split does not look at it (grouped_split is told the same); a probe leaves whole groups out. datasets() warns of
  /// groups with images on both sides of the split.
  DataBlock& group(Labeller labeller) &;
  DataBlock group(Labeller labeller) &&;
  /// The classes and their order. By default they are the labels that occur, sorted.
  DataBlock& vocabulary(Vocabulary vocabulary) &;
  DataBlock vocabulary(Vocabulary vocabulary) &&;
  /// What happens to classes whose names people read as one. By default datasets() refuses them, unless the vocabulary
  /// is given; merged ones take the name that the vocabulary has, else the more frequent one.
  DataBlock& similar_classes(SimilarClasses choice) &;
  DataBlock similar_classes(SimilarClasses choice) &&;
  /// Adds a sentence to Datasets::warnings, for what the source of the images found.
  DataBlock& warn(std::string warning) &;
  DataBlock warn(std::string warning) &&;
  /// What the source of the images leaves out; its sentences come first in Datasets::warnings.
  DataBlock& left_out(LeftOut left_out) &;
  DataBlock left_out(LeftOut left_out) &&;

  /// What a person decided about these images: other labels, and images that are left out. The split is made as
  /// without it, so that the same images validate before and after; labels change and images go afterwards. To be
  /// called after items(), label() and left_out(); adds to left_out() and to the warnings.
  DataBlock& edits(std::shared_ptr<const LabelEdits> edits) &;
  DataBlock edits(std::shared_ptr<const LabelEdits> edits) &&;

  /// How many of the 16 bits of deep images' samples hold data, 8 … 16 (Transforms::deep_bits); loaders() checks it.
  DataBlock& deep_bits(int bits) &;
  DataBlock deep_bits(int bits) &&;
  DataBlock& item_transform(const Resize& resize) &;
  DataBlock item_transform(const Resize& resize) &&;
  DataBlock& batch_transform(const Augment& augment) &;
  DataBlock batch_transform(const Augment& augment) &&;
  DataBlock& normalize(const Normalization& normalization) &;
  DataBlock normalize(const Normalization& normalization) &&;

  /// Labels and splits the images without reading pixels.
  /// Throws core::DataError: images without a label or group (three are named), classes of similar names, no training
  /// images. Throws std::invalid_argument when items, label or split were not given.
  Datasets datasets() const;

  /// Throws as datasets does, and std::invalid_argument for options out of range.
  Loaders loaders(const LoaderOptions& options = {}) const;

  /// Takes one image and one batch through every stage. Faults of the data never throw: the summary then ends with the
  /// stage that failed, the file, the input, the problem and the remedy.
  Summary summary(const LoaderOptions& options = {}) const;

  Transforms transforms() const { return transforms_; }
  const ImageList& images() const& { return images_; }
  ImageList images() && { return std::move(images_); }
  /// Of the files, and the names of other images.
  const PathList& paths() const& { return images_.names(); }
  PathList paths() && { return images_.names(); }
  const std::optional<Labeller>& labeller() const& { return labeller_; }
  std::optional<Labeller> labeller() && { return std::move(labeller_); }
  SimilarClasses similar_classes() const { return similar_classes_; }
  const Splitter& splitter() const& { return splitter_; }
  Splitter splitter() && { return std::move(splitter_); }
  /// Null for none.
  std::shared_ptr<const LabelEdits> edits() const { return edits_; }
  const LeftOut& left_out() const& { return left_out_; }
  LeftOut left_out() && { return std::move(left_out_); }
  /// The warnings given by warn(), without those of datasets() and of left_out().
  const std::vector<std::string>& warnings() const& { return warnings_; }
  std::vector<std::string> warnings() && { return std::move(warnings_); }

 private:
  std::shared_ptr<const Items> labelled() const;

  ImageList images_;
  std::optional<Labeller> labeller_;
  Splitter splitter_;
  bool expects_validation_ = true;
  std::optional<Labeller> group_;
  std::optional<Vocabulary> vocabulary_;
  SimilarClasses similar_classes_ = SimilarClasses::kRefuse;
  std::vector<std::string> warnings_;
  LeftOut left_out_;
  std::shared_ptr<const LabelEdits> edits_;
  Transforms transforms_;
};

}  // namespace margay::data
