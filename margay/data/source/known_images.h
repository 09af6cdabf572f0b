#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "margay/data/dataset.h"
#include "margay/data/source/image_files.h"

namespace margay::data {

/// A set of 64-bit digests, of which only so many bytes are kept that a digest drawn at random is found with a
/// probability below 1e-6: 5 bytes for up to a million. Digests are sorted and stored without gaps.
class DigestSet {
 public:
  DigestSet() = default;
  /// In any order; repeats count once.
  explicit DigestSet(std::vector<std::uint64_t> digests);
  /// What bytes() and width() gave. Throws std::invalid_argument for bytes that are no such set.
  DigestSet(std::vector<std::uint8_t> bytes, int width);

  bool contains(std::uint64_t digest) const;
  std::size_t size() const { return bytes_.size() / static_cast<std::size_t>(width_); }
  bool empty() const { return bytes_.empty(); }
  /// Bytes of each digest, its highest ones, 3 … 8.
  int width() const { return width_; }
  /// All digests in ascending order, the highest byte of each first.
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  std::uint64_t at(std::size_t i) const;

  int width_ = 3;
  std::vector<std::uint8_t> bytes_;
};

/// The part that an image had in a training: it changed the weights, it validated them, or neither.
enum class TrainingPart : std::uint8_t { kNone, kTrain, kValid };

/// What a model remembers of the images it was trained and validated on: salted digests of their names and, apart, of
/// their contents, about 10 bytes an image. A renamed image is found by its contents, a changed one by its name. An
/// image that the training did not have is taken for one of its with a probability below 1e-6 for each key. Digests
/// tell no names, and those of two trainings on other images cannot be compared, as each has another salt.
struct KnownImages {
  std::uint64_t salt = 0;
  DigestSet train_names;
  DigestSet valid_names;
  DigestSet train_contents;
  DigestSet valid_contents;

  bool empty() const { return train_names.empty(); }
  /// name: relative to the training's folder, with forward slashes.
  TrainingPart part_of_name(std::string_view name) const;
  /// checksum: of ContentChecksums. An image that trained under one name and validated under another has trained.
  TrainingPart part_of_contents(std::uint64_t checksum) const;
};

/// What becomes of images whose bytes no loader has read: they are read now, or only their names are remembered.
enum class Unread { kRead, kLeave };

/// root: the folder that names are relative to; empty: the innermost folder that holds all images. The salt follows
/// from the images' names, so that the same training gives the same digests.
KnownImages known_images(const Dataset& train, const Dataset* valid, const std::filesystem::path& root, Unread unread);

}  // namespace margay::data
