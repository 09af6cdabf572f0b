#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/item.h"
#include "margay/data/source/content_checksums.h"

namespace margay::data {

/// The classes, in the order of their indices 0 … K-1.
class Vocabulary {
 public:
  Vocabulary() = default;
  /// Keeps the given order. Throws std::invalid_argument when a name comes twice, core::DataError when
  /// one is not UTF-8.
  explicit Vocabulary(std::vector<std::string> names);
  /// The distinct labels, sorted by code point, as fastai's CategoryMap.
  static Vocabulary of_labels(const std::vector<std::string>& labels);

  std::int64_t size() const { return static_cast<std::int64_t>(names_.size()); }
  const std::vector<std::string>& names() const { return names_; }
  /// Throws std::out_of_range outside 0 … K-1.
  const std::string& name(std::int64_t index) const;
  /// Also of a label that is the same in another of Unicode's normal forms, as macOS names folders.
  /// Throws std::invalid_argument for a label that is no class, suggesting the nearest.
  std::int64_t index(const std::string& label) const;

  bool operator==(const Vocabulary& other) const { return names_ == other.names_; }

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::int64_t> index_;
  std::map<std::string, std::int64_t> index_of_composed_;  ///< of names that are not in form C
};

/// The target of an image without a label. Losses ignore it (PyTorch's ignore_index).
constexpr std::int64_t kNoTarget = -100;

/// The training or the validation set, with class indices in place of names.
class Dataset {
 public:
  /// The group of each item, such as a patient or a film, by number.
  using GroupOfItem = std::shared_ptr<const std::vector<std::uint32_t>>;

  /// rows: positions in items. groups: of each item; null for none. Throws core::DataError naming the image whose label
  /// is not in the vocabulary.
  Dataset(std::shared_ptr<const Items> items, std::vector<std::size_t> rows, const Vocabulary& vocabulary,
          GroupOfItem groups = nullptr);
  /// Images to predict, without labels and classes.
  static Dataset unlabelled(const ImageList& images);

  std::size_t size() const { return rows_.size(); }
  Task task() const { return items_->task(); }
  std::int64_t num_classes() const { return num_classes_; }
  /// The name of an image that is no file.
  std::filesystem::path path(std::size_t i) const { return items_->path(rows_[i]); }
  ImageSource image(std::size_t i) const { return items_->image(rows_[i]); }
  /// As Items::label.
  std::string label(std::size_t i) const { return items_->label(rows_[i]); }
  /// The indices of all its classes.
  std::vector<std::int64_t> classes(std::size_t i) const;
  /// The class index of a single-label image, or kNoTarget.
  std::int64_t target(std::size_t i) const;
  /// The group of an image; the training and the validation set number them alike. Nothing where the data has no
  /// groups (DataBlock::group).
  std::optional<std::int64_t> group(std::size_t i) const;
  /// Filled by the loaders as they read images. Copies share them.
  ContentChecksums& contents() const { return *contents_; }

 private:
  std::shared_ptr<const Items> items_;
  std::vector<std::size_t> rows_;
  std::vector<std::int64_t> class_of_label_;  ///< by label id
  std::int64_t num_classes_ = 0;
  GroupOfItem groups_;
  std::shared_ptr<ContentChecksums> contents_;
};

/// What DataBlock::datasets returns; no pixel has been read yet.
struct Datasets {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> valid;
  Vocabulary vocabulary;
  /// Warnings, one sentence each (see data_warnings).
  std::vector<std::string> warnings;
};

}  // namespace margay::data
