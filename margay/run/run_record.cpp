#include "margay/run/run_record.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/core/options.h"
#include "margay/core/text.h"
#include "margay/core/utc_time.h"
#include "margay/metric/standard_error.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

/// Containers of one kernel share its boot, but not the process numbers.
std::string machine_id() {
  const std::string boot = core::boot_id();
  if (boot.empty()) return "";
  std::error_code failure;
  return fmt::format("{} {}", boot, fs::read_symlink("/proc/self/ns/pid", failure).string());
}

struct Stat {
  std::string state;
  std::string start_ticks;
};

/// /proc/PID/stat (proc(5)): the fields 3 and 22. The second is the program's name in brackets, which may hold
/// anything.
Stat stat_of(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(line.substr(name_end + 1));
  Stat stat;
  fields >> stat.state;
  constexpr int kStartField = 22;
  for (int field = 4; field <= kStartField; ++field) fields >> stat.start_ticks;
  return stat;
}

Liveness liveness_here(const ProcessIdentity& process) {
  if (::kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH) return Liveness::kGone;
  const Stat now = stat_of(process.pid);
  if (now.state == "Z" || now.state == "X") return Liveness::kGone;
  const bool is_known = !now.start_ticks.empty() && !process.start_ticks.empty();
  return is_known && now.start_ticks != process.start_ticks ? Liveness::kGone : Liveness::kAlive;
}

template <class T>
T value_of(const nlohmann::ordered_json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (found == json.end()) return {};
  if constexpr (std::is_integral_v<T>)
    return found->is_number_integer() ? found->template get<T>() : T{};
  else
    return found->is_string() ? found->template get<T>() : T{};
}

}  // namespace

ProcessIdentity this_process() {
  const std::int64_t pid = ::getpid();
  return {.host = core::host_name(), .machine = machine_id(), .pid = pid, .start_ticks = stat_of(pid).start_ticks};
}

Liveness liveness(const ProcessIdentity& process) {
  if (process.pid <= 0) return Liveness::kGone;
  if (process.host != core::host_name()) return Liveness::kElsewhere;
  return process.machine == machine_id() ? liveness_here(process) : Liveness::kGone;
}

nlohmann::ordered_json to_json(const ProcessIdentity& process) {
  return {
      {"host", process.host}, {"machine", process.machine}, {"pid", process.pid}, {"start_ticks", process.start_ticks}};
}

ProcessIdentity process_of(const nlohmann::ordered_json& json) {
  return {.host = value_of<std::string>(json, "host"),
          .machine = value_of<std::string>(json, "machine"),
          .pid = value_of<std::int64_t>(json, "pid"),
          .start_ticks = value_of<std::string>(json, "start_ticks")};
}

namespace {

nlohmann::ordered_json epoch_json(const RunEpoch& epoch) {
  nlohmann::ordered_json json = {{"stage", epoch.stage},
                                 {"epoch", epoch.epoch},
                                 {"train_loss", epoch.train_loss},
                                 {"valid_loss", epoch.valid_loss}};
  for (const auto& [name, value] : epoch.metrics) json[name] = value;
  json["seconds"] = epoch.seconds;
  return json;
}

}  // namespace

RunKind RunRecord::kind() const {
  const auto kind = config.find("kind");
  const bool is_probe = kind != config.end() && *kind == core::to_text(RunKind::kProbe);
  return is_probe ? RunKind::kProbe : RunKind::kTraining;
}

const RunEpoch* RunRecord::result() const {
  if (epochs.empty()) return nullptr;
  return saved_epoch && *saved_epoch < epochs.size() ? &epochs[*saved_epoch] : &epochs.back();
}

std::optional<double> RunRecord::last(const std::string& metric) const {
  const RunEpoch* epoch = result();
  if (epoch == nullptr) return std::nullopt;
  std::optional<double> value;
  if (metric == "train_loss") value = epoch->train_loss;
  if (metric == "valid_loss") value = epoch->valid_loss;
  for (const auto& [each, number] : epoch->metrics) {
    if (each == metric) value = number;
  }
  return value && std::isnan(*value) ? std::nullopt : value;
}

std::string RunRecord::main_metric() const {
  const RunEpoch* epoch = result();
  return epoch != nullptr && !epoch->metrics.empty() ? epoch->metrics.front().first : "valid_loss";
}

std::optional<double> RunRecord::standard_error(const std::string& metric) const {
  if (const std::optional<double> told = last(metric + kErrorSuffix)) return told;
  const std::optional<double> share = last(metric);
  if (!share || !valid_images || *valid_images < 1 || !is_share_of_images(metric)) return std::nullopt;
  if (!(*share > 0 && *share < 1)) return std::nullopt;
  return metric::share_standard_error(*share, *valid_images);
}

double RunRecord::seconds() const {
  const std::optional<std::int64_t> begin = core::utc_seconds(started);
  const std::optional<std::int64_t> end = core::utc_seconds(ended);
  if (begin && end && *end >= *begin) return static_cast<double>(*end - *begin);
  double sum = 0;
  for (const RunEpoch& epoch : epochs) sum += epoch.seconds;
  return sum;
}

bool is_share_of_images(const std::string& metric) {
  return metric == "error_rate" || metric == "accuracy" || metric == "exact_match";
}

nlohmann::ordered_json to_json(const RunRecord& record) {
  nlohmann::ordered_json json = {{"id", record.id},
                                 {"folder", record.folder},
                                 {"name", record.name},
                                 {"kind", core::to_text(record.kind())},
                                 {"group", record.group},
                                 {"seed", record.seed},
                                 {"started", record.started},
                                 {"ended", record.ended},
                                 {"status", core::to_text(record.status)},
                                 {"message", record.message},
                                 {"seconds", record.seconds()},
                                 {"valid_images", nullptr},
                                 {"saved_epoch", nullptr},
                                 {"config", record.config},
                                 {"epochs", nlohmann::ordered_json::array()}};
  if (record.valid_images) json["valid_images"] = *record.valid_images;
  if (record.saved_epoch) json["saved_epoch"] = *record.saved_epoch;
  for (const RunEpoch& epoch : record.epochs) json["epochs"].push_back(epoch_json(epoch));
  return json;
}

RunEpoch run_epoch(const train::EpochRecord& record, const metric::Metrics& metrics) {
  RunEpoch epoch{.stage = record.stage,
                 .epoch = record.epoch,
                 .train_loss = record.train_loss,
                 .valid_loss = record.valid_loss,
                 .metrics = {},
                 .seconds = record.seconds};
  for (std::size_t i = 0; i < record.metrics.size() && i < metrics.size(); ++i) {
    epoch.metrics.emplace_back(metrics[i]->name(), record.metrics[i]);
  }
  return epoch;
}

namespace {

/// Names and groups count once, however many runs share them.
std::vector<std::string> what_runs_are_called(const std::vector<RunRecord>& records) {
  std::set<std::string> texts;
  for (const RunRecord& record : records) {
    texts.insert(record.folder);
    texts.insert(record.name);
    if (!record.group.empty()) texts.insert(record.group);
  }
  texts.erase("");
  return {texts.begin(), texts.end()};
}

template <class Matches>
const RunRecord* newest(const std::vector<RunRecord>& records, Matches&& matches) {
  const auto found = std::find_if(records.rbegin(), records.rend(), matches);
  return found == records.rend() ? nullptr : &*found;
}

const RunRecord* find_exactly(const std::vector<RunRecord>& records, const std::string& text) {
  const auto by = [&](auto&& matches) { return newest(records, matches); };
  if (const auto* run = by([&](const RunRecord& r) { return r.folder == text; })) return run;
  if (const auto* run = by([&](const RunRecord& r) { return r.id != 0 && std::to_string(r.id) == text; })) return run;
  if (const auto* run = by([&](const RunRecord& r) { return r.name == text; })) return run;
  return by([&](const RunRecord& r) { return !r.group.empty() && r.group == text; });
}

/// The runs one of whose texts begins so.
std::vector<const RunRecord*> beginning_with(const std::vector<RunRecord>& records, const std::string& text) {
  std::vector<const RunRecord*> found;
  for (const RunRecord& record : records) {
    if (record.folder.starts_with(text) || record.name.starts_with(text)) found.push_back(&record);
  }
  return found;
}

std::string several(const std::vector<const RunRecord*>& runs) {
  constexpr std::size_t kShown = 4;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(runs.size(), kShown); ++i) names.push_back(runs[i]->folder);
  return fmt::format("{}{}", core::joined(names, ", "), runs.size() > kShown ? ", …" : "");
}

/// What may be taken for a run that is not there: the one called nearly so, or else the newest.
std::string runs_instead(const std::string& wanted, const std::vector<RunRecord>& records) {
  if (const std::string near = core::did_you_mean(wanted, what_runs_are_called(records)); !near.empty()) return near;
  std::vector<const RunRecord*> newest_first;
  for (auto record = records.rbegin(); record != records.rend(); ++record) newest_first.push_back(&*record);
  return "; the newest are " + several(newest_first);
}

}  // namespace

const RunRecord& find_run(const std::vector<RunRecord>& records, const std::string& text,
                          const std::filesystem::path& runs) {
  if (const RunRecord* run = find_exactly(records, text)) return *run;
  const auto candidates = text.empty() ? std::vector<const RunRecord*>{} : beginning_with(records, text);
  if (candidates.size() == 1) return *candidates.front();
  if (!candidates.empty()) {
    throw core::DataError(runs, fmt::format("{} runs begin with '{}': {}; write more of the one you mean",
                                            candidates.size(), text, several(candidates)));
  }
  if (records.empty())
    throw core::DataError(runs, "there is no run in this folder; `runs` names the one that has them");
  throw core::DataError(runs,
                        core::followed_by(fmt::format("there is no run '{}'{}", text, runs_instead(text, records)),
                                          "`runs` names another folder of runs"));
}

}  // namespace margay::run
