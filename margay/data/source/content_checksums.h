#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "margay/data/image/image_source.h"

namespace margay::data {

/// The checksums (core::checksum) of encoded images, by their positions, as far as their bytes have been read. Whoever
/// reads an image anyway notes it, so that nobody need read it again to recognise it elsewhere. 8 bytes an image. Safe
/// to use from many threads.
class ContentChecksums {
 public:
  explicit ContentChecksums(std::size_t images) : sums_(images) {}
  ContentChecksums(const ContentChecksums&) = delete;
  ContentChecksums& operator=(const ContentChecksums&) = delete;

  std::size_t size() const { return sums_.size(); }
  bool has(std::size_t i) const { return sums_[i].load(std::memory_order_relaxed) != 0; }
  void note(std::size_t i, std::span<const std::uint8_t> bytes);
  /// checksum: as of() gave it, not 0.
  void note(std::size_t i, std::uint64_t checksum) { sums_[i].store(checksum, std::memory_order_relaxed); }
  /// Nothing for an image that has not been read.
  std::optional<std::uint64_t> of(std::size_t i) const;

  /// Reads those of the images whose checksum is missing, with all processors; an image that cannot be read stays
  /// without. image: gives the image at a position; called from several threads.
  void read_missing(const std::function<ImageSource(std::size_t)>& image);

 private:
  std::vector<std::atomic<std::uint64_t>> sums_;  ///< 0: not read
};

}  // namespace margay::data
