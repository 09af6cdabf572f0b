#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace margay::studio {

/// What has happened to a folder since it was read.
enum class FolderChange : std::uint8_t { kNone, kChanged, kGone };

/// "changed", "gone"; "" for kNone.
const char* name_of(FolderChange change);

/// When folders were last changed: tells whether files have come or gone since, without listing them. Files that are
/// written over in place do not count. It may be asked from any thread.
class FolderTimes {
 public:
  /// Of more folders only so many are watched, as each costs a call of the system at each look.
  static constexpr std::size_t kMost = 5'000;

  /// kNames: hidden files may come and go, as a journal that begins beside the images.
  enum class Counts : std::uint8_t { kAll, kNames };

  /// Remembers the time that the folder has now; call it before the folder is listed, so that nothing falls between.
  /// One that is missing counts as changed when it is there.
  void note(const std::filesystem::path& folder, Counts counts = Counts::kAll);
  /// Remembers a folder that has been read, and those below it that hold one of its `count` images or lie between.
  /// name: of an image, its path below the folder. begun: now(), before it was read; what was changed since has
  /// changed.
  void note_images(const std::filesystem::path& folder, std::size_t count,
                   const std::function<std::string_view(std::size_t)>& name, const std::timespec& begun);
  static std::timespec now();
  void clear() { folders_.clear(); }

  std::size_t size() const { return folders_.size(); }
  bool have_changed() const;
  /// Of the folder that was noted first.
  FolderChange change() const;

 private:
  struct Noted {
    std::filesystem::path folder;
    std::optional<std::timespec> time;  ///< none: it was not there
    bool is_late = false;               ///< changed while it was read
    bool is_fresh = false;  ///< changed just now: what comes in the same tick of the clock has the same time
    std::optional<std::uint64_t> names;  ///< a checksum of those that are not hidden, where the time is not enough
  };

  static bool has_changed(Noted& noted);

  mutable std::mutex mutex_;            ///< of asking
  mutable std::vector<Noted> folders_;  ///< those whose names are the same bear the time of the last look
};

}  // namespace margay::studio
