#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "margay/data/cache/cache_key.h"
#include "margay/data/cache/cached_image.h"

namespace margay::data {

/// What stands before the pixels of one image in the cache's file; behind them stands a commit mark. Written as it
/// lies in memory: the file serves the machine that made it.
struct RecordHeader {
  std::uint32_t magic = kMagic;
  std::uint32_t path_bytes = 0;
  std::int32_t height = 0;
  std::int32_t width = 0;
  std::int32_t source_height = 0;
  std::int32_t source_width = 0;
  FileVersion version;
  std::uint64_t pixel_checksum = 0;
  std::uint64_t own_checksum = 0;  ///< of all above and the path

  static constexpr std::uint32_t kMagic = 0x336d4972;     // "rIm3": checksums are XXH3's
  static constexpr std::uint32_t kOldMagic = 0x43695072;  // "rPiC": those of before, which are read only

  std::uint64_t pixel_bytes() const;
  /// Of the whole record: header, path, pixels, commit mark.
  std::uint64_t record_bytes() const;
  std::uint64_t pixels_offset() const { return sizeof(RecordHeader) + path_bytes; }
  /// Says that everything before it was written; another one for each record.
  std::uint64_t commit_mark() const { return ~own_checksum; }
  /// What own_checksum must be.
  std::uint64_t checksum_with(const std::string& path) const;
  /// What pixel_checksum must be.
  std::uint64_t checksum_of(std::span<const std::uint8_t> bytes) const;
  /// Whether the numbers can be true at all; says nothing about the checksum.
  bool is_plausible() const;
};
static_assert(sizeof(RecordHeader) == 56, "the format of the file has no gaps");

RecordHeader make_header(const std::string& path, const FileVersion& version, const CachedImage& cached);

}  // namespace margay::data
