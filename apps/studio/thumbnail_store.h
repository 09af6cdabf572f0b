#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace margay::studio {

/// Small files, kept on disk under a key of 16 bytes until there are too many. It is only a cache: whatever happens to
/// its files, the worst is that something is not found.
///
/// The folder holds segments, N.pack and N.index. A segment is only appended to, by the one process that locks its
/// index (flock); others read what was there when they began. An entry of the index is written after its bytes and
/// holds their checksum, so a process that is killed, a machine that loses power and a disk that fills leave entries
/// that are not found, never wrong bytes. When all segments together exceed the limit, the oldest that nobody writes
/// goes. May be used from any thread, and by several processes on one folder.
class ThumbnailStore {
 public:
  using Key = std::array<std::uint8_t, 16>;  ///< a digest

  static constexpr std::uint64_t kDefaultLimit = std::uint64_t{1} << 30U;

  /// folder: made when the first one is kept; "": nothing is kept. Never throws for what is wrong with it. limit:
  /// bytes, kept within 1 MiB … 1 TiB.
  explicit ThumbnailStore(std::filesystem::path folder, std::uint64_t limit = kDefaultLimit);
  ~ThumbnailStore();
  ThumbnailStore(const ThumbnailStore&) = delete;
  ThumbnailStore& operator=(const ThumbnailStore&) = delete;

  /// Nothing where the key is not known or the bytes are damaged.
  std::optional<std::string> find(const Key& key) const;
  /// Keeps the bytes, of 1 … 2^20, if it can. After a failure it tries again a minute later.
  void keep(const Key& key, std::string_view bytes);

  /// How many are kept.
  std::size_t size() const;
  /// Why the last one could not be kept: "No space left on device"; "" where nothing is wrong.
  std::string obstacle() const;

 private:
  class Segment;
  struct Place {
    std::shared_ptr<const Segment> segment;
    std::uint32_t offset = 0;
    std::uint32_t bytes = 0;
    std::uint64_t checksum = 0;
  };
  struct HashOfKey {
    std::size_t operator()(const Key& key) const;
  };

  void read_segments();
  void take_in(const std::shared_ptr<const Segment>& segment);
  bool prepare_segment(std::size_t bytes);
  std::shared_ptr<Segment> segment_to_write() const;
  void make_room();
  void forget_deleted();
  void fail(int error);

  const std::filesystem::path folder_;
  const std::uint64_t limit_;

  std::mutex writing_;                ///< held by the thread that writes
  std::shared_ptr<Segment> current_;  ///< that this process writes; null before the first
  std::chrono::steady_clock::time_point resting_until_ = {};

  mutable std::shared_mutex mutex_;  ///< of what follows; never held while a file is read or written
  std::unordered_map<Key, Place, HashOfKey> places_;
  std::string obstacle_;
};

}  // namespace margay::studio
