#include "margay/data/edits/apply_edits.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/data/edits/apply_log.h"
#include "margay/data/edits/move_file.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

/// Below the folder, whatever a hand wrote into a log.
fs::path inside(const fs::path& folder, const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  if (path.empty() || normal.is_absolute() || *normal.begin() == "..") {
    throw std::invalid_argument(fmt::format("'{}' lies outside the folder", core::spelled_out(path)));
  }
  return folder / normal;
}

/// Keeps a second process from applying or undoing meanwhile.
core::FileLock lock_applications(const fs::path& folder) { return core::FileLock(applied_folder(folder) / "lock"); }

fs::path table_place(const fs::path& folder, const std::string& table) {
  return fs::path(table).is_absolute() ? fs::path(table) : inside(folder, table);
}

bool holds(const fs::path& path, const std::string& sha256) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && core::sha256_of_file(path) == sha256;
}

/// Carries a log out, or back. Every step may have been done already.
class Application {
 public:
  Application(const fs::path& folder, ApplyLog log) : folder_(folder), log_(std::move(log)) {
    result_.number = log_.number;
  }

  AppliedEdits carry_out() {
    if (!write_table()) {  // first: without it deleted images would be missing from the table that there is
      result_.is_complete = false;
      return std::move(result_);
    }
    for (std::size_t i = 0; i < log_.moves.size(); ++i) {
      if (!do_move(log_.moves[i].from, log_.moves[i].to)) log_.failed.insert(i);
    }
    sync_folders();
    write_state(ApplyState::kDone);
    return std::move(result_);
  }

  AppliedEdits take_back() {
    result_.is_undone = true;
    if (log_.state != ApplyState::kUndoing) write_state(ApplyState::kUndoing);
    for (std::size_t i = log_.moves.size(); i-- > 0;) {
      const PlannedMove& move = log_.moves[i];
      const bool never_went = is_taken(inside(folder_, move.from)) && !is_taken(inside(folder_, move.to));
      if (never_went || log_.failed.contains(i) || do_move(move.to, move.from)) continue;
      if (is_taken(inside(folder_, move.to))) result_.is_complete = false;  // there it waits for the next attempt
    }
    remove_table();
    remove_made_folders();
    sync_folders();
    for (const FolderTime& time : log_.times) set_modified_ns(folder_ / time.folder, time.modified_ns);
    if (result_.is_complete) write_state(ApplyState::kUndone);
    return std::move(result_);
  }

 private:
  void write_state(ApplyState state) { append_state(log_path(folder_, log_.number), state, log_.failed); }

  bool do_move(const std::string& from, const std::string& to) {
    const fs::path source = inside(folder_, from);
    const fs::path target = inside(folder_, to);
    const std::string problem = move_file(source, target);
    if (!problem.empty()) {
      result_.problems.push_back(fmt::format("'{}' cannot be moved to '{}': {}", from, to, problem));
      return false;
    }
    ++result_.moved;
    changed_.insert(source.parent_path());
    changed_.insert(target.parent_path());
    return true;
  }

  /// Whether it is there.
  bool write_table() {
    if (log_.new_table.empty()) return true;
    const fs::path target = table_place(folder_, log_.new_table);
    if (!holds(target, log_.table_sha256)) {
      fs::path part = target;
      part.replace_filename("." + target.filename().native() + ".margay-part");
      std::error_code failure;
      fs::remove(part, failure);
      fs::copy_file(kept_table(folder_, log_.number), part, failure);
      const std::string problem = failure ? failure.message() : move_file(part, target);
      if (!problem.empty()) {
        fs::remove(part, failure);
        result_.problems.push_back(
            fmt::format("'{}' cannot be written, so nothing else is done: {}", core::shown_path(target), problem));
        return false;
      }
    }
    changed_.insert(target.parent_path());
    result_.new_table = target;
    return true;
  }

  void remove_table() {
    if (log_.new_table.empty()) return;
    const fs::path target = table_place(folder_, log_.new_table);
    if (!is_taken(target)) return;
    if (!holds(target, log_.table_sha256)) {
      result_.problems.push_back(fmt::format("'{}' stays: somebody changed it since", core::shown_path(target)));
      return;
    }
    std::error_code failure;
    fs::remove(target, failure);
    if (failure) result_.problems.push_back(fmt::format("'{}' stays: {}", core::shown_path(target), failure.message()));
    changed_.insert(target.parent_path());
  }

  /// Inner ones first; one with something in it stays.
  void remove_made_folders() {
    for (auto each = log_.made.rbegin(); each != log_.made.rend(); ++each) ::rmdir(inside(folder_, *each).c_str());
  }

  void sync_folders() {
    for (const fs::path& each : changed_) core::sync_folder(each);
  }

  fs::path folder_;
  ApplyLog log_;
  AppliedEdits result_;
  std::set<fs::path> changed_;
};

/// The folders on the way to a file that are not there yet, the outer ones first.
void add_missing_folders(const fs::path& folder, const std::string& file, std::set<std::string>& missing) {
  for (fs::path at = fs::path(file).parent_path(); !at.empty() && !is_taken(folder / at); at = at.parent_path()) {
    missing.insert(at.native());
  }
}

ApplyLog log_of(const ApplyPlan& plan) {
  ApplyLog log{.number = plan.number, .moves = plan.deleted};
  log.moves.insert(log.moves.end(), plan.moved.begin(), plan.moved.end());
  std::set<std::string> made;
  std::set<std::string> changing;
  for (const PlannedMove& move : log.moves) {
    add_missing_folders(plan.folder, move.to, made);
    changing.insert(fs::path(move.from).parent_path().native());
    for (fs::path at = fs::path(move.to).parent_path();; at = at.parent_path()) {
      changing.insert(at.native());
      if (at.empty()) break;
    }
  }
  if (!plan.new_table.empty()) {
    const fs::path table = fs::absolute(plan.new_table).lexically_normal();
    const fs::path name = table.lexically_relative(fs::absolute(plan.folder).lexically_normal());
    const bool is_inside = !name.empty() && *name.begin() != "..";
    log.new_table = (is_inside ? name : table).native();
    log.table_sha256 = core::sha256_of(plan.table_text);
    if (is_inside) changing.insert(name.parent_path().native());
  }
  log.made.assign(made.begin(), made.end());
  for (const std::string& each : changing) {
    if (each.starts_with(".margay")) continue;
    if (const std::int64_t time = modified_ns(plan.folder / each)) log.times.push_back({each, time});
  }
  return log;
}

ApplyLog last_log(const fs::path& folder, bool unfinished_only) {
  const std::vector<std::size_t> numbers = application_numbers(folder);
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    ApplyLog log = read_log(log_path(folder, *number));
    if (unfinished_only ? !log.is_finished() : log.state != ApplyState::kUndone) return log;
  }
  throw std::invalid_argument(
      fmt::format("[apply_edits] {}: {}", core::shown_path(folder),
                  unfinished_only ? "no application of decisions was interrupted" : "no decisions were applied here"));
}

}  // namespace

AppliedEdits apply_edits(const ApplyPlan& plan, Journal& journal) {
  if (plan.empty()) return {.number = 0};
  const Journal::Hold hold = journal.hold("apply decisions");
  journal.refresh();
  if (journal.hash() != plan.journal_sha256) {
    throw core::DataError(journal.path(), "decisions were added since this was planned; plan it again");
  }
  const ApplyLog log = log_of(plan);  // before any folder changes
  std::error_code failure;
  fs::create_directories(applied_folder(plan.folder), failure);
  if (failure) throw core::IoError(applied_folder(plan.folder), "the folder cannot be made", failure.value());
  const core::FileLock lock = lock_applications(plan.folder);
  check_nothing_unfinished(plan.folder);
  if (is_taken(log_path(plan.folder, plan.number))) {
    throw core::DataError(plan.folder, "other decisions were applied since this was planned; plan it again");
  }
  if (!plan.new_table.empty()) core::write_file_atomically(kept_table(plan.folder, plan.number), plan.table_text);
  core::write_file_atomically(log_path(plan.folder, plan.number), log_text(log, plan.journal_sha256));
  return Application(plan.folder, log).carry_out();
}

AppliedEdits finish_apply(const fs::path& folder) {
  const core::FileLock lock = lock_applications(folder);  // first: another process may be changing the state
  const ApplyLog log = last_log(folder, true);
  Application application(folder, log);
  return log.state == ApplyState::kUndoing ? application.take_back() : application.carry_out();
}

AppliedEdits undo_apply(const fs::path& folder) {
  const core::FileLock lock = lock_applications(folder);
  return Application(folder, last_log(folder, false)).take_back();
}

}  // namespace margay::data
