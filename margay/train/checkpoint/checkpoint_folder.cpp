#include "margay/train/checkpoint/checkpoint_folder.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>

namespace margay::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCheckpointPrefix = "step-";
constexpr const char* kExtension = ".safetensors";

bool is_checkpoint(const fs::path& path) {
  return path.extension() == kExtension && path.filename().string().starts_with(kCheckpointPrefix);
}

/// What a killed writer left when temporary files had names of the old form: .step-N.safetensors.tmp-PROCESS-NUMBER,
/// untouched for a day. (AtomicFile sees to today's names, which say of which machine they are.)
bool is_left_over(const fs::path& path) {
  const std::string name = path.filename().string();
  const std::size_t mark = name.find(".tmp-");
  if (!name.starts_with(fmt::format(".{}", kCheckpointPrefix)) || mark == std::string::npos) return false;
  const bool is_old_name = std::count(name.begin() + static_cast<std::ptrdiff_t>(mark) + 5, name.end(), '-') == 1;
  std::error_code failure;
  const fs::file_time_type written = fs::last_write_time(path, failure);
  return is_old_name && !failure && fs::file_time_type::clock::now() - written > std::chrono::hours(24);
}

void make_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) throw core::IoError(folder, "the folder of checkpoints cannot be made", failure.value());
}

template <class Wanted>
std::vector<fs::path> files_in(const fs::path& folder, const Wanted& is_wanted) {
  std::vector<fs::path> files;
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end; it.increment(failure)) {
    if (is_wanted(it->path())) files.push_back(it->path());
  }
  return files;
}

}  // namespace

CheckpointFolder::CheckpointFolder(fs::path folder, std::int64_t keep)
    : folder_(std::move(folder)), keep_(static_cast<std::size_t>(keep)) {
  if (keep < 1) throw std::invalid_argument(fmt::format("[CheckpointFolder] keep must be at least 1, got {}", keep));
}

std::vector<fs::path> CheckpointFolder::files() const {
  std::vector<fs::path> files = files_in(folder_, is_checkpoint);
  std::sort(files.rbegin(), files.rend());  // the numbers are of one length
  return files;
}

fs::path CheckpointFolder::save(Learner& learner) const {
  make_folder(folder_);
  const fs::path path = folder_ / fmt::format("{}{:010}{}", kCheckpointPrefix, learner.steps().size(), kExtension);
  save_checkpoint(path, learner);
  std::error_code failure;  // a file that cannot be deleted does no harm
  std::size_t kept = 0;
  for (const fs::path& file : files()) {
    const bool is_of_another_future = file.filename() > path.filename();  // training began again before it
    if (is_of_another_future || ++kept > keep_) fs::remove(file, failure);
  }
  for (const fs::path& rest : files_in(folder_, is_left_over)) fs::remove(rest, failure);
  return path;
}

std::optional<CheckpointFolder::Found> CheckpointFolder::newest(std::vector<std::string>& problems) const {
  for (const fs::path& path : files()) {
    try {
      return Found{path, read_checkpoint(path)};
    } catch (const core::NewerFormatError&) {
      throw;  // not torn
    } catch (const core::FormatError& error) {
      problems.emplace_back(error.what());
      std::error_code failure;
      fs::rename(path, fs::path(path).replace_extension(".torn"), failure);
    }
  }
  return std::nullopt;
}

std::optional<fs::path> CheckpointFolder::resume(Learner& learner, std::vector<std::string>& problems) const {
  const std::optional<Found> found = newest(problems);
  if (!found) return std::nullopt;
  restore(learner, found->snapshot, found->path);
  return found->path;
}

void SaveCheckpoints::before_fit(Learner& learner, const Progress& /*at*/) {
  bool is_behind = false;
  for (const auto& callback : learner.callbacks()) {
    if (is_behind && !callback->state_name().empty()) {
      throw std::invalid_argument(
          fmt::format("[SaveCheckpoints] must be added after '{}', whose state it keeps", callback->state_name()));
    }
    is_behind = is_behind || callback.get() == this;
  }
}

void SaveCheckpoints::after_batch(Learner& learner, const Progress& at) {
  if (!at.is_training || learner.has_pending_gradients()) return;
  if (learner.is_wanted(Wish::kCheckpoint, is_due())) save(learner);
}

void SaveCheckpoints::after_epoch(Learner& learner, const Progress& /*at*/, const EpochRecord& /*record*/) {
  save(learner);
}

void SaveCheckpoints::save(Learner& learner) {
  try {
    if (learner.group().rank() == 0) folder_.save(learner);
  } catch (const core::IoError& error) {
    if (on_failure_) on_failure_(error);
  }
  last_ = std::chrono::steady_clock::now();
}

}  // namespace margay::train
