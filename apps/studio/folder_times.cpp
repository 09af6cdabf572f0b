#include "apps/studio/folder_times.h"

#include <algorithm>
#include <ctime>
#include <string>
#include <system_error>
#include <unordered_set>

#include "margay/core/checksum.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;

std::optional<std::timespec> time_of_folder(const fs::path& folder) {
  struct stat state {};
  if (::stat(folder.c_str(), &state) != 0) return std::nullopt;
  return state.st_mtim;
}

bool is_same_time(const std::optional<std::timespec>& a, const std::optional<std::timespec>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/// Within a tick of the kernel's clock (10 ms at most); file systems without fractions of a second keep two seconds.
bool is_just_now(const std::timespec& time) {
  constexpr double kTick = 0.02;
  constexpr double kCoarseTick = 2.02;
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const double age =
      static_cast<double>(now.tv_sec - time.tv_sec) + static_cast<double>(now.tv_nsec - time.tv_nsec) / 1e9;
  return age < (time.tv_nsec == 0 ? kCoarseTick : kTick);
}

std::uint64_t names_in(const fs::path& folder) {
  std::uint64_t sum = 0;
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.')) continue;
    sum += core::checksum(name);
  }
  return sum;
}

}  // namespace

const char* name_of(FolderChange change) {
  if (change == FolderChange::kChanged) return "changed";
  return change == FolderChange::kGone ? "gone" : "";
}

/// Files are dated by this clock, or by one that is a tick behind it.
std::timespec FolderTimes::now() {
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

void FolderTimes::note(const fs::path& folder, Counts counts) {
  if (folders_.size() >= kMost) return;
  Noted noted{.folder = folder, .time = time_of_folder(folder)};
  noted.is_fresh = noted.time && is_just_now(*noted.time);
  if (noted.is_fresh || counts == Counts::kNames) noted.names = names_in(folder);
  folders_.push_back(std::move(noted));
}

void FolderTimes::note_images(const fs::path& folder, std::size_t count,
                              const std::function<std::string_view(std::size_t)>& name, const std::timespec& begun) {
  std::unordered_set<std::string> folders;
  for (std::size_t i = 0; i < count && folders.size() < kMost; ++i) {
    std::string_view path = name(i);
    for (std::size_t end = path.rfind('/'); end != std::string_view::npos; end = path.rfind('/')) {
      path = path.substr(0, end);
      if (!folders.emplace(path).second) break;
    }
  }
  const std::size_t first = folders_.size();
  note(folder, Counts::kNames);
  for (const std::string& each : folders) note(folder / each);
  for (std::size_t i = first; i < folders_.size(); ++i) {
    Noted& noted = folders_[i];
    noted.is_late = noted.time && (noted.time->tv_sec > begun.tv_sec ||
                                   (noted.time->tv_sec == begun.tv_sec && noted.time->tv_nsec > begun.tv_nsec));
  }
}

bool FolderTimes::has_changed(Noted& noted) {
  if (noted.is_late) return true;
  const auto now = time_of_folder(noted.folder);
  if (is_same_time(noted.time, now) && !noted.is_fresh) return false;
  if (!now || !noted.names) return true;
  const bool is_fresh = is_just_now(*now);
  if (names_in(noted.folder) != *noted.names) return true;
  noted.time = now;
  noted.is_fresh = is_fresh;
  return false;
}

bool FolderTimes::have_changed() const {
  const std::scoped_lock lock(mutex_);
  return std::any_of(folders_.begin(), folders_.end(), has_changed);
}

FolderChange FolderTimes::change() const {
  std::error_code none;
  if (!folders_.empty() && !fs::exists(folders_.front().folder, none)) return FolderChange::kGone;
  return have_changed() ? FolderChange::kChanged : FolderChange::kNone;
}

}  // namespace margay::studio
