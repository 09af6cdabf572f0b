#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "margay/data/cache/image_cache.h"

namespace margay::data {

/// The header before the pixels of one image in the cache's file; a commit mark follows the pixels. It is written as it
/// lies in memory, since the file is only for the machine that made it.
struct RecordHeader {
  std::uint32_t magic = kMagic;
  std::uint32_t path_bytes = 0;
  std::int32_t height = 0;
  std::int32_t width = 0;
  std::int32_t source_height = 0;
  std::int32_t source_width = 0;
  FileVersion version;
  std::uint64_t pixel_checksum = 0;
  std::uint64_t own_checksum = 0;  ///< of all fields above and the path

  static constexpr std::uint32_t kMagic = 0x336d4972;     // "rIm3": checksums are XXH3's
  static constexpr std::uint32_t kOldMagic = 0x43695072;  // "rPiC": those of before, which are read only

  std::uint64_t pixel_bytes() const;
  /// The size of the whole record: header, path, pixels, commit mark.
  std::uint64_t record_bytes() const;
  std::uint64_t pixels_offset() const { return sizeof(RecordHeader) + path_bytes; }
  /// The mark that shows that everything before it was written. It differs for each record.
  std::uint64_t commit_mark() const { return ~own_checksum; }
  /// The value that own_checksum must have.
  std::uint64_t checksum_with(const std::string& path) const;
  /// What pixel_checksum must be.
  std::uint64_t checksum_of(std::span<const std::uint8_t> bytes) const;
  /// Whether the numbers are possible at all. The checksum is not checked.
  bool is_plausible() const;
};
static_assert(sizeof(RecordHeader) == 56, "the format of the file has no gaps");

RecordHeader make_header(const std::string& path, const FileVersion& version, const CachedImage& cached);

/// The file of a cache on disk: a header with the format's version, then records, which are only ever appended. A
/// record's commit mark is written after the rest of the record, so a process that is killed leaves at most an
/// incomplete record at the end, which the next writer cuts off. One process writes (flock); others read the records
/// that existed when they opened the file. Pixels are read with pread and not mapped, so that a failing disk or a file
/// cut by another program is an error to handle, not a signal that ends the process.
class DiskFile {
 public:
  /// Opens or creates the file; a file of another format version is replaced. Throws core::IoError when it can neither
  /// be written nor read.
  explicit DiskFile(const std::filesystem::path& path);
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;
  ~DiskFile();

  /// Why nothing can be written, or "".
  const std::string& obstacle() const { return obstacle_; }

  /// Called with a complete record and its offset.
  using Visit = std::function<void(const std::string& path, const RecordHeader& header, std::uint64_t offset)>;
  /// Visits every complete record in order, up to the first incomplete one, and cuts the file there if it may be
  /// written. Returns the offset of the next record. Pixels are not read.
  std::uint64_t scan(const Visit& visit);

  /// Fills `pixels`, or returns false when they cannot be read.
  bool read(std::uint64_t offset, std::span<std::uint8_t> pixels) const;
  /// Writes a record at an offset reserved for it. Returns 0, or errno on failure. Safe to call from several threads.
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
