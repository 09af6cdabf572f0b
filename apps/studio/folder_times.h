#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace margay::studio {

/// When folders were last changed: tells whether files have come or gone since, without listing them. Files that are
/// written over in place do not count.
class FolderTimes {
 public:
  /// Of more folders only so many are watched, as each costs a call of the system at each look.
  static constexpr std::size_t kMost = 5'000;

  /// kNames: hidden files may come and go, as a journal that begins beside the images.
  enum class Counts : std::uint8_t { kAll, kNames };

  /// Remembers the time that the folder has now; call it before the folder is listed, so that nothing falls between.
  /// One that is missing counts as changed when it is there.
  void note(const std::filesystem::path& folder, Counts counts = Counts::kAll);
  void clear() { folders_.clear(); }

  std::size_t size() const { return folders_.size(); }
  bool have_changed() const;

 private:
  struct Noted {
    std::filesystem::path folder;
    std::optional<std::timespec> time;  ///< none: it was not there
    bool is_fresh = false;  ///< changed just now: what comes in the same tick of the clock has the same time
    std::optional<std::uint64_t> names;  ///< a checksum of those that are not hidden, where the time is not enough
  };

  static bool has_changed(const Noted& noted);

  std::vector<Noted> folders_;
};

}  // namespace margay::studio
