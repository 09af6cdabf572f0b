#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "margay/data/cache/disk_record.h"

namespace margay::data {

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
