#include "margay/run/run_registry.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <iterator>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include "margay/core/descriptor.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/utc_time.h"
#include "margay/run/run_folder.h"
#include "margay/run/run_index.h"

namespace margay::run {
namespace {

/// Renames an unusable index and its journal to NAME.damaged-<time> and returns that path, or an empty one if another
/// process has done so meanwhile and the index is usable again. Nothing is deleted. Throws core::IoError.
std::filesystem::path put_index_aside(const std::filesystem::path& path);

namespace fs = std::filesystem;

/// Only one process at a time judges an index, or the second would put aside what the first has made. File systems
/// that cannot lock a folder go without.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (descriptor_.is_open() && ::flock(descriptor_.number(), LOCK_EX) != 0 && errno == EINTR) continue;
  }

 private:
  core::Descriptor descriptor_;
};

bool is_usable(const fs::path& path) {
  try {
    RunIndex(path).all();
    return true;
  } catch (const UnusableIndexError&) {
    return false;
  }
}

fs::path free_name(const fs::path& path) {
  const std::string wanted = fmt::format("{}.damaged-{}", path.string(), std::time(nullptr));
  fs::path name = wanted;
  for (int attempt = 2; fs::exists(name); ++attempt) name = fmt::format("{}-{}", wanted, attempt);
  return name;
}

fs::path put_index_aside(const fs::path& path) {
  const FolderLock lock(path.parent_path());
  if (is_usable(path)) return {};
  const fs::path aside = free_name(path);
  const fs::path journal = path.string() + "-journal";
  std::error_code failure;
  // The journal goes first: it must never be applied to the new database.
  if (fs::exists(journal, failure)) fs::rename(journal, aside.string() + "-journal", failure);
  if (!failure) fs::rename(path, aside, failure);
  if (failure) throw core::IoError(path, "the damaged list of runs cannot be put aside", failure.value());
  return aside;
}

std::string now_text() { return core::utc_text(std::time(nullptr)); }

/// The folder's word, where the index still takes a run for running whose end is written there.
void ask_folder(const fs::path& runs, RunRecord& record) {
  const std::optional<RunRecord> told = read_run_folder(runs / record.folder);
  if (!told || told->status == RunStatus::kRunning || told->ended.empty()) return;
  record = *told;
}

void sort_by_start(std::vector<RunRecord>& records) {
  std::stable_sort(records.begin(), records.end(),
                   [](const RunRecord& a, const RunRecord& b) { return a.started < b.started; });
}

/// Calls `use` with the index; a damaged one is put aside and `use` called again with a new one.
template <class Use>
auto with_index(const fs::path& path, const RunNote& note, Use&& use) {
  try {
    RunIndex index(path);
    return use(index);
  } catch (const UnusableIndexError& error) {
    const fs::path aside = put_index_aside(path);
    if (note && !aside.empty()) {
      note(fmt::format("{}; it is kept as {}, and the list is made anew from the folders", error.what(),
                       core::shown_path(aside.filename())));
    }
  }
  RunIndex index(path);
  return use(index);
}

/// What the index must hold of a run before anything can be added to it, whoever made the index anew meanwhile.
void list_again(RunIndex& index, const fs::path& runs, const std::string& folder) {
  if (index.has(folder)) return;
  const std::optional<RunRecord> record = read_run_folder(runs / folder);
  if (!record) throw core::DataError(runs / folder, "there is no run in this folder");
  index.put(*record);
}

}  // namespace

void settle_running(RunRecord& record) {
  switch (liveness(record.process)) {
    case Liveness::kAlive:
      return;
    case Liveness::kElsewhere:
      record.message = fmt::format("on {}, process {}; whether it still runs is not known here", record.process.host,
                                   record.process.pid);
      return;
    case Liveness::kGone:
      record.status = RunStatus::kInterrupted;
      record.message = fmt::format("its process {} was killed or its machine switched off", record.process.pid);
  }
}

RunRegistry::RunRegistry(fs::path runs, RunNote note) : runs_(std::move(runs)), note_(std::move(note)) {}

void RunRegistry::note(const std::string& text) const {
  if (note_) note_(text);
}

std::int64_t RunRegistry::add(const NewRun& run) {
  RunRecord record;
  const std::optional<RunRecord> earlier = read_run_folder(runs_ / run.folder);
  const bool goes_on = earlier && earlier->process.pid != 0;
  record.folder = run.folder;
  record.name = run.name;
  record.group = run.group;
  record.seed = run.seed;
  record.started = goes_on ? earlier->started : now_text();
  record.valid_images = run.valid_images;
  record.working_folder = goes_on && !earlier->working_folder.empty() ? earlier->working_folder : run.working_folder;
  record.process = this_process();
  record.config = run.config;
  write_run_file(runs_, record);
  if (goes_on) record.epochs = earlier->epochs;
  return with_index(index_path(), note_, [&](RunIndex& index) { return index.put(record); });
}

void RunRegistry::add_epoch(const std::string& folder, const RunEpoch& epoch) {
  with_index(index_path(), note_, [&](RunIndex& index) {
    list_again(index, runs_, folder);
    index.add_epoch(folder, epoch);
  });
}

void RunRegistry::finish(const std::string& folder, RunStatus status, const std::string& message,
                         std::optional<std::size_t> saved_epoch) {
  std::optional<RunRecord> record = read_run_folder(runs_ / folder);
  if (!record) throw core::DataError(runs_ / folder, "there is no run in this folder");
  record->status = status;
  record->message = message;
  record->saved_epoch = saved_epoch;
  record->ended = now_text();
  write_run_file(runs_, *record);
  with_index(index_path(), note_, [&](RunIndex& index) { index.put(*record); });
}

std::vector<RunRecord> RunRegistry::listed() const {
  std::error_code failure;
  if (!fs::exists(index_path(), failure)) return {};
  try {
    return with_index(index_path(), note_, [](RunIndex& index) { return index.all(); });
  } catch (const core::Error& error) {
    note(fmt::format("{}; the runs are read from their folders", error.what()));
    return {};
  }
}

std::vector<RunRecord> RunRegistry::unlisted(const std::vector<RunRecord>& listed,
                                             const std::vector<std::string>& folders) const {
  std::set<std::string> known;
  for (const RunRecord& record : listed) known.insert(record.folder);
  std::vector<RunRecord> found;
  for (const std::string& folder : folders) {
    if (known.count(folder) != 0) continue;
    if (std::optional<RunRecord> record = read_run_folder(runs_ / folder)) found.push_back(std::move(*record));
  }
  sort_by_start(found);  // ids grow with time
  return found;
}

void RunRegistry::list(std::vector<RunRecord>& records) const {
  const auto end = std::stable_partition(
      records.begin(), records.end(), [this](const RunRecord& record) { return has_outcome(runs_ / record.folder); });
  if (end == records.begin()) return;
  try {
    RunIndex(index_path()).put_all({records.begin(), end});
  } catch (const core::Error&) {  // what may only be read is shown all the same
  }
}

std::vector<RunRecord> RunRegistry::all() const {
  std::error_code failure;
  if (!fs::is_directory(runs_, failure)) throw core::DataError(runs_, "there is no such folder of runs");
  std::vector<RunRecord> records = listed();
  const std::vector<std::string> folders = run_folders(runs_);
  const std::set<std::string> there(folders.begin(), folders.end());
  std::vector<RunRecord> found = unlisted(records, folders);
  list(found);
  std::move(found.begin(), found.end(), std::back_inserter(records));
  std::erase_if(records, [&](const RunRecord& record) { return there.count(record.folder) == 0; });
  for (RunRecord& record : records) {
    if (record.status == RunStatus::kRunning) ask_folder(runs_, record);
    if (record.status == RunStatus::kRunning) settle_running(record);
  }
  sort_by_start(records);
  return records;
}

}  // namespace margay::run
