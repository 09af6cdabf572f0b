#pragma once

#include <cstdint>
#include <filesystem>

namespace margay::fetch {

/// What an archive may hold at most. More is refused as a bomb.
struct ArchiveLimits {
  std::uint64_t bytes = std::uint64_t{256} << 30U;  ///< of all files together, sparse ones at their full size
  std::uint64_t entries = 5'000'000;
  int depth = 32;      ///< folders in folders
  double ratio = 100;  ///< bytes written for each byte read, once 16 MiB are written
};

/// Hears how the extraction goes.
class ArchiveObserver {
 public:
  virtual ~ArchiveObserver() = default;
  /// Of the archive's own bytes.
  virtual void progressed(std::uint64_t /*done*/, std::uint64_t /*total*/) {}
  virtual bool is_stop_wanted() const { return false; }
};

/// What was extracted.
struct Extracted {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

/// Unpacks a .tar (also compressed by gzip, bzip2, xz, zstd) or .zip into a folder that is new or empty. All of it
/// appears at once, or nothing: files go to a hidden folder beside it, which is renamed at the end. An archive with one
/// folder at its top, as most have, loses that level. Files get the rights that new files have.
///
/// Only files and folders are taken. Throws core::FormatError, naming the entry, for names that lead out (absolute,
/// with
/// "..", too deep), links, devices, pipes, one name twice, what exceeds the limits, and what is no archive, encrypted
/// or damaged; core::IoError for a full disk, and for a destination that has something in it; core::Error while another
/// process unpacks it; core::Interrupted where the observer wants a stop.
Extracted extract(const std::filesystem::path& archive, const std::filesystem::path& folder,
                  const ArchiveLimits& limits, ArchiveObserver& observer);

}  // namespace margay::fetch
