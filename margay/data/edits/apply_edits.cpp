#include "margay/data/edits/apply_edits.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/data/edits/edited_table.h"
#include "margay/data/edits/move_file.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using ApplyJson = nlohmann::ordered_json;

constexpr std::uint64_t kApplyFormat = 1;

fs::path applied_folder(const fs::path& folder) { return folder / ".margay" / "applied"; }
fs::path log_path(const fs::path& folder, std::size_t number) {
  return applied_folder(folder) / fmt::format("{:04}.jsonl", number);
}
fs::path kept_table(const fs::path& folder, std::size_t number) {
  return applied_folder(folder) / fmt::format("{:04}.table", number);
}

bool is_taken(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

/// JSON knows UTF-8 only: bytes as code points U+0000 … U+00FF where a path is something else.
ApplyJson path_json(const std::string& path) {
  if (core::valid_utf8(path) == path) return path;
  ApplyJson bytes = ApplyJson::array();
  for (const char c : path) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

std::string path_of_json(const ApplyJson& json) {
  if (json.is_string()) return json.get<std::string>();
  std::string path;
  for (const ApplyJson& byte : json) path += static_cast<char>(byte.get<unsigned char>());
  return path;
}

/// Below the folder, whatever a hand wrote into a log.
fs::path inside(const fs::path& folder, const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  if (path.empty() || normal.is_absolute() || *normal.begin() == "..") {
    throw std::invalid_argument(fmt::format("'{}' lies outside the folder", core::spelled_out(path)));
  }
  return folder / normal;
}

struct FolderTime {
  std::string folder;
  std::int64_t modified_ns = 0;
};

/// What is written down before anything is done.
struct ApplyLog {
  std::size_t number = 0;
  std::vector<PlannedMove> moves;
  std::vector<std::string> made;  ///< folders that are not there before, the outer ones first
  std::vector<FolderTime> times;  ///< of the folders whose entries change
  std::string new_table;          ///< relative, or absolute outside the folder
  std::string table_sha256;
  std::set<std::size_t> failed;  ///< moves that could not be done
  std::string state;             ///< "" (begun), "done", "undoing", "undone"

  bool is_finished() const { return state == "done" || state == "undone"; }
};

std::string log_text(const ApplyLog& log, const std::string& journal_sha256) {
  ApplyJson header = {{"margay", "applied"},
                      {"format", kApplyFormat},
                      {"number", log.number},
                      {"time", utc_now()},
                      {"journal_sha256", journal_sha256}};
  if (!log.new_table.empty()) {
    header["new_table"] = path_json(log.new_table);
    header["table_sha256"] = log.table_sha256;
  }
  std::string text = header.dump() + "\n";
  const auto add = [&](const ApplyJson& json) { text += json.dump() + "\n"; };
  for (const PlannedMove& move : log.moves) {
    add({{"move", path_json(move.from)}, {"to", path_json(move.to)}, {"decision", move.decision}});
  }
  for (const std::string& folder : log.made) add({{"made", path_json(folder)}});
  for (const FolderTime& time : log.times) {
    add({{"folder", path_json(time.folder)}, {"modified_ns", time.modified_ns}});
  }
  return text;
}

void take_log_line(const ApplyJson& json, ApplyLog& log) {
  if (json.contains("move")) {
    log.moves.push_back({path_of_json(json.at("move")), path_of_json(json.at("to")), json.value("decision", 0U)});
  } else if (json.contains("made")) {
    log.made.push_back(path_of_json(json.at("made")));
  } else if (json.contains("folder")) {
    log.times.push_back({path_of_json(json.at("folder")), json.at("modified_ns").get<std::int64_t>()});
  } else {
    log.state = json.at("state").get<std::string>();
    if (json.contains("failed")) log.failed = json["failed"].get<std::set<std::size_t>>();
  }
}

ApplyLog read_log(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw core::DataError(path, "the log of an application cannot be read");
  ApplyLog log;
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (file.eof()) break;  // its writing was cut
    try {
      const ApplyJson json = ApplyJson::parse(line);
      if (number > 1) {
        take_log_line(json, log);
        continue;
      }
      if (json.at("format").get<std::uint64_t>() > kApplyFormat) {
        throw core::NewerFormatError(path, "a newer Margay wrote this log; go on with that one");
      }
      log.number = json.at("number").get<std::size_t>();
      if (json.contains("new_table")) log.new_table = path_of_json(json["new_table"]);
      log.table_sha256 = json.value("table_sha256", "");
    } catch (const ApplyJson::exception&) {
      throw core::FormatError(path, fmt::format("line {} cannot be read; restore the log from a copy", number));
    }
  }
  if (log.number == 0) throw core::FormatError(path, "the log is empty; restore it from a copy");
  return log;
}

/// After the last whole line: one that was cut while it was written goes.
void append_to_log(const fs::path& path, const ApplyJson& json) {
  std::ifstream file(path, std::ios::binary);
  const std::string before{std::istreambuf_iterator<char>(file), {}};
  const std::string text = json.dump() + "\n";
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0) throw core::IoError(path, "cannot be written", errno);
  const bool is_cut = ::ftruncate(descriptor, static_cast<off_t>(before.rfind('\n') + 1)) == 0;
  const ssize_t written = is_cut ? ::write(descriptor, text.data(), text.size()) : -1;
  const bool is_on_disk = written == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
  const int reason = written >= 0 && written < static_cast<ssize_t>(text.size()) ? ENOSPC : errno;
  ::close(descriptor);
  if (!is_on_disk) throw core::IoError(path, "cannot be written", reason);
}

/// Of all logs, in order.
std::vector<std::size_t> application_numbers(const fs::path& folder) {
  std::vector<std::size_t> numbers;
  std::error_code failure;
  for (fs::directory_iterator at(applied_folder(folder), failure), end; !failure && at != end; at.increment(failure)) {
    const std::string stem = at->path().stem().string();
    const bool is_number = !stem.empty() && stem.find_first_not_of("0123456789") == std::string::npos;
    if (at->path().extension() == ".jsonl" && is_number && stem.size() < 10) numbers.push_back(std::stoul(stem));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
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
    for (std::size_t i = 0; i < log_.moves.size(); ++i) {
      if (!do_move(log_.moves[i].from, log_.moves[i].to)) log_.failed.insert(i);
    }
    write_table();
    sync_folders();
    write_state("done");
    return std::move(result_);
  }

  AppliedEdits take_back() {
    if (log_.state != "undoing") write_state("undoing");
    for (std::size_t i = log_.moves.size(); i-- > 0;) {
      const PlannedMove& move = log_.moves[i];
      const bool never_went = is_taken(inside(folder_, move.from)) && !is_taken(inside(folder_, move.to));
      if (!never_went && !log_.failed.contains(i)) do_move(move.to, move.from);
    }
    remove_table();
    remove_made_folders();
    sync_folders();
    for (const FolderTime& time : log_.times) set_modified_ns(folder_ / time.folder, time.modified_ns);
    write_state("undone");
    return std::move(result_);
  }

 private:
  void write_state(const char* state) {
    ApplyJson json = {{"state", state}, {"time", utc_now()}};
    if (!log_.failed.empty()) json["failed"] = log_.failed;
    append_to_log(log_path(folder_, log_.number), json);
  }

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

  void write_table() {
    if (log_.new_table.empty()) return;
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
        result_.problems.push_back(fmt::format("'{}' cannot be written: {}", target.string(), problem));
        return;
      }
    }
    changed_.insert(target.parent_path());
    result_.new_table = target;
  }

  void remove_table() {
    if (log_.new_table.empty()) return;
    const fs::path target = table_place(folder_, log_.new_table);
    if (!is_taken(target)) return;
    if (!holds(target, log_.table_sha256)) {
      result_.problems.push_back(fmt::format("'{}' stays: somebody changed it since", target.string()));
      return;
    }
    std::error_code failure;
    fs::remove(target, failure);
    if (failure) result_.problems.push_back(fmt::format("'{}' stays: {}", target.string(), failure.message()));
    changed_.insert(target.parent_path());
  }

  /// Inner ones first; one with something in it stays.
  void remove_made_folders() {
    for (auto each = log_.made.rbegin(); each != log_.made.rend(); ++each) ::rmdir(inside(folder_, *each).c_str());
  }

  void sync_folders() {
    for (const fs::path& each : changed_) sync_entries(each);
  }

  fs::path folder_;
  ApplyLog log_;
  AppliedEdits result_;
  std::set<fs::path> changed_;
};

/// Chooses the places of all files, so that no two go to one.
class Planner {
 public:
  Planner(const fs::path& folder, const LabelEdits& edits, const Items& items, const ApplyOptions& options)
      : edits_(edits), items_(items), options_(options), root_(folder) {
    const std::vector<std::size_t> numbers = application_numbers(folder);
    plan_ = {.folder = folder, .number = numbers.empty() ? 1 : numbers.back() + 1};
    plan_.journal_sha256 = edits.journal_hash();
    std::error_code ignored;
    canonical_ = fs::weakly_canonical(folder, ignored);
  }

  ApplyPlan run() {
    bool relabels = false;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const LabelEdit* const edit = edits_.edit(items_.paths().text(i));
      if (edit == nullptr || !edit->changes) continue;
      if (edit->kind == DecisionKind::kDelete) {
        add_deleted(*edit, items_.image(i));
      } else if (options_.move_files) {
        add_moved(*edit, items_.image(i));
      } else {
        relabels = true;
      }
    }
    const bool needs_table = options_.place == LabelPlace::kTable ? relabels || !plan_.deleted.empty() : relabels;
    if (needs_table) add_table();
    return std::move(plan_);
  }

 private:
  /// Why a file stays where it is; "" if it may be moved.
  std::string why_it_stays(const ImageSource& image) const {
    if (!image.is_file()) return "it is no file";
    std::error_code failure;
    const fs::path place = fs::weakly_canonical(image.name().parent_path(), failure);
    const auto [differs, ignored] = std::mismatch(canonical_.begin(), canonical_.end(), place.begin(), place.end());
    if (failure || differs != canonical_.end()) return "it lies outside the folder of the data, or behind a link";
    return "";
  }

  bool may_move(const LabelEdit& edit, const ImageSource& image) {
    const std::string why = why_it_stays(image);
    if (!why.empty()) plan_.impossible.push_back(fmt::format("{}: {}", edit.image, why));
    return why.empty();
  }

  void add_deleted(const LabelEdit& edit, const ImageSource& image) {
    if (!may_move(edit, image)) return;
    plan_.deleted.push_back(
        {edit.image, fmt::format(".margay/trash/{:04}/{}", plan_.number, edit.image), edit.decision});
  }

  void add_moved(const LabelEdit& edit, const ImageSource& image) {
    if (!may_move(edit, image)) return;
    const std::string& label = edit.labels.front();
    std::vector<fs::path> parts;
    for (const fs::path& part : fs::path(edit.image)) parts.push_back(part);
    const auto levels = static_cast<std::size_t>(options_.label_levels);
    if (edit.labels.size() != 1 || parts.size() <= levels || label.find('/') != std::string::npos) {
      plan_.impossible.push_back(fmt::format("{}: no folder of it can be called '{}'", edit.image, label));
      return;
    }
    parts[parts.size() - 1 - levels] = label;
    fs::path target;
    for (const fs::path& part : parts) target /= part;
    plan_.moved.push_back({edit.image, free_target(target), edit.decision});
  }

  /// Beside a file of the same name it gets a number.
  std::string free_target(const fs::path& wanted) {
    fs::path target = wanted;
    for (int n = 2; is_taken(plan_.folder / target) || !targets_.insert(target.native()).second; ++n) {
      target = wanted;
      target.replace_filename(fmt::format("{}-{}{}", wanted.stem().native(), n, wanted.extension().native()));
    }
    targets_.insert(target.native());
    return target.native();
  }

  void add_table() {
    const bool is_table = options_.place == LabelPlace::kTable;
    EditedTable table = is_table ? edited_table(options_.table, plan_.folder, options_.columns, items_, edits_)
                                 : table_of_all(plan_.folder, items_, edits_, options_.validates);
    plan_.new_table = table_name();
    plan_.table_text = std::move(table.text);
    plan_.relabelled = table.changed;
    plan_.impossible.insert(plan_.impossible.end(), table.impossible.begin(), table.impossible.end());
  }

  fs::path table_name() const {
    if (!options_.new_table.empty()) {
      if (!is_taken(options_.new_table)) return options_.new_table;
      throw core::DataError(options_.new_table,
                            "there is such a file already, and nothing is overwritten; name another");
    }
    if (options_.place != LabelPlace::kTable) return numbered(plan_.folder / "labels", ".csv");
    std::string stem = options_.table.stem().native();
    stem = stem.substr(0, stem.rfind(".cleaned"));  // cleaned once more
    return numbered(options_.table.parent_path() / (stem + ".cleaned"), options_.table.extension().native());
  }

  static fs::path numbered(const fs::path& base, const std::string& extension) {
    fs::path name = base.native() + extension;
    for (int n = 2; is_taken(name); ++n) name = fmt::format("{}-{}{}", base.native(), n, extension);
    return name;
  }

  const LabelEdits& edits_;
  const Items& items_;
  const ApplyOptions& options_;
  Root root_;
  fs::path canonical_;
  std::set<std::string> targets_;
  ApplyPlan plan_;
};

void check_nothing_unfinished(const fs::path& folder) {
  const auto number = unfinished_apply(folder);
  if (!number) return;
  throw core::DataError(log_path(folder, *number),
                        "this application of decisions was interrupted; complete it or undo it first");
}

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
    const std::string name = Root(plan.folder).relative(plan.new_table.native());
    const bool is_inside = !name.starts_with("../") && !name.starts_with('/');
    log.new_table = is_inside ? name : fs::absolute(plan.new_table).lexically_normal().native();
    core::Sha256 sum;
    sum.update({reinterpret_cast<const std::uint8_t*>(plan.table_text.data()), plan.table_text.size()});
    log.table_sha256 = sum.finish();
    if (is_inside) changing.insert(fs::path(name).parent_path().native());
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
    if (unfinished_only ? !log.is_finished() : log.state != "undone") return log;
  }
  throw std::invalid_argument(
      fmt::format("[apply_edits] {}: {}", folder.string(),
                  unfinished_only ? "no application of decisions was interrupted" : "no decisions were applied here"));
}

}  // namespace

std::vector<std::string> ApplyPlan::sentences() const {
  std::vector<std::string> sentences;
  if (!deleted.empty()) {
    sentences.push_back(fmt::format("{} into the trash {}",
                                    core::counted(deleted.size(), "deleted image goes", "deleted images go"),
                                    (folder / fmt::format(".margay/trash/{:04}", number)).string()));
  }
  if (!moved.empty()) {
    sentences.push_back(
        fmt::format("{} into the folder of another class", core::counted(moved.size(), "image goes", "images go")));
  }
  if (!new_table.empty()) {
    sentences.push_back(fmt::format("the new table {} gives {} another label; give it as `labels_csv` from then on",
                                    new_table.string(), core::counted(relabelled, "image")));
  }
  if (!impossible.empty()) {
    NameList names;
    for (const std::string& each : impossible) names.add(each);
    sentences.push_back(fmt::format("{} as they are: {}",
                                    core::counted(impossible.size(), "image stays", "images stay"), names.text()));
  }
  if (sentences.empty()) sentences.emplace_back("nothing is to be done: the data says all that was decided");
  return sentences;
}

ApplyPlan plan_edits(const fs::path& folder, const LabelEdits& edits, const Items& items, const ApplyOptions& options) {
  check_nothing_unfinished(folder);
  if (options.move_files && options.place != LabelPlace::kFolders) {
    throw std::invalid_argument(
        "[apply_edits] `move_files` is for labels that are names of folders; without it a new table says the labels");
  }
  return Planner(folder, edits, items, options).run();
}

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

std::optional<std::size_t> unfinished_apply(const fs::path& folder) {
  for (const std::size_t number : application_numbers(folder)) {
    if (!read_log(log_path(folder, number)).is_finished()) return number;
  }
  return std::nullopt;
}

AppliedEdits finish_apply(const fs::path& folder) {
  const ApplyLog log = last_log(folder, true);
  const core::FileLock lock = lock_applications(folder);
  Application application(folder, log);
  return log.state == "undoing" ? application.take_back() : application.carry_out();
}

AppliedEdits undo_apply(const fs::path& folder) {
  const ApplyLog log = last_log(folder, false);
  const core::FileLock lock = lock_applications(folder);
  return Application(folder, log).take_back();
}

}  // namespace margay::data
