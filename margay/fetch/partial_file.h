#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace margay::fetch {

/// Which version of which file on the web a partial file is the beginning of.
struct Origin {
  std::string url;
  std::string etag;
  std::string last_modified;
  std::uint64_t bytes = 0;  ///< of the whole file; 0: the server does not say
  std::string sha256;       ///< that the publisher's server told; "": none
  std::string boot;         ///< core::boot_id() when it was written

  /// What the header If-Range takes (RFC 9110, section 13.1.5): a strong ETag or a date. "" if there is neither.
  std::string validator() const;
};

/// A file on its way: NAME.part beside the place where NAME will stand, and NAME.part.json, which keeps its origin.
/// Both outlive their process, however it ends, so that another one goes on. It appears under its name complete, or not
/// at all. The SHA-256 is computed by a thread of its own while bytes arrive. Not for use from several threads at once.
/// Failures of the system are IoErrors with the path.
class PartialFile {
 public:
  /// Makes the folder, if it is missing. Throws core::Error while another process has the file locked (flock); the lock
  /// goes with its process. Where the file system has no locks, nothing is locked.
  explicit PartialFile(const std::filesystem::path& file);
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile();

  /// NAME.part.
  const std::filesystem::path& path() const { return part_; }
  std::uint64_t size() const { return size_; }
  /// Of the bytes that are there; none where nobody knows it, or there are none.
  const std::optional<Origin>& origin() const { return origin_; }

  /// Forgets all bytes; those that follow are of this origin.
  void begin(const Origin& origin);
  void append(std::span<const std::uint8_t> bytes);
  /// Of all bytes, 64 hexadecimal digits. Nothing may be appended after it, but begin() starts anew.
  std::string sha256();
  /// Makes the bytes durable and gives the file its name, in the place of a file that has it.
  void commit();
  /// Removes both files.
  void discard();

 private:
  class HashBehind;

  void open();
  bool lock() const;
  void hash_anew();
  [[noreturn]] void fail(const char* problem) const;

  std::filesystem::path file_;
  std::filesystem::path part_;
  std::filesystem::path notes_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::optional<Origin> origin_;
  std::unique_ptr<HashBehind> hash_;
};

}  // namespace margay::fetch
