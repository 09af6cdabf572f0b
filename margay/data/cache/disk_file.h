#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "margay/data/cache/image_cache.h"

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

/// The one file of a cache on disk: a header with the format's version, then records, only ever appended to. Each is
/// whole before its commit mark is written, so a process that is killed leaves at most a torn end, which the next
/// writer cuts off. One process writes (flock); others read what was there when they opened it. Pixels are read with
/// pread and not mapped: a disk that fails or a file cut by others is then an error to handle, not a signal that ends
/// the process.
class DiskFile {
 public:
  /// Opens or makes it; a file of another format version is replaced. Throws core::IoError when it can neither be
  /// written nor read.
  explicit DiskFile(const std::filesystem::path& path);
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;
  ~DiskFile();

  /// Why nothing can be written, "" if it can.
  const std::string& obstacle() const { return obstacle_; }

  /// A whole record and where it begins.
  using Visit = std::function<void(const std::string& path, const RecordHeader& header, std::uint64_t offset)>;
  /// Shows every whole record, in order, up to the first that is not, and cuts the file there if it may be written.
  /// Returns where the next record goes. Pixels are not looked at.
  std::uint64_t scan(const Visit& visit);

  /// Fills `pixels`, or returns false when they cannot be read.
  bool read(std::uint64_t offset, std::span<std::uint8_t> pixels) const;
  /// Writes a record at a place reserved for it. Returns 0 or the errno of what failed. Threads may write at once.
  int write(std::uint64_t offset, const RecordHeader& header, const std::string& path,
            std::span<const std::uint8_t> pixels) const;

 private:
  bool open_once();
  bool is_still_in_place() const;
  bool read_record(std::uint64_t offset, std::uint64_t size, std::string& path, RecordHeader& header) const;

  const std::filesystem::path path_;
  int descriptor_ = -1;
  std::string obstacle_;
};

}  // namespace margay::data
