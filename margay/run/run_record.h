#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>

#include "margay/metric/metric.h"
#include "margay/train/progress.h"

namespace margay::run {

/// The unique identity of a process, which differs even from a later process with the same number.
struct ProcessIdentity {
  std::string host;         ///< as gethostname says
  std::string machine;      ///< the boot and the set of process numbers (container); empty: not known
  std::int64_t pid = 0;     ///< 0: nobody
  std::string start_ticks;  ///< since the boot; empty: not known
};

ProcessIdentity this_process();

/// Whether a process is alive, as far as this host can tell.
enum class Liveness { kAlive, kGone, kElsewhere };

/// kElsewhere: it runs, or ran, on another host, which cannot be checked from here. A zombie, or a process of an
/// earlier boot of this host, is gone.
Liveness liveness(const ProcessIdentity& process);

nlohmann::ordered_json to_json(const ProcessIdentity& process);
/// Missing values and values of another type stay empty.
ProcessIdentity process_of(const nlohmann::ordered_json& json);

/// The state of a run.
enum class RunStatus { kRunning, kDone, kInterrupted, kFailed };

constexpr auto names(RunStatus /*tag*/) {
  return std::array{std::pair{RunStatus::kRunning, "running"}, std::pair{RunStatus::kDone, "done"},
                    std::pair{RunStatus::kInterrupted, "interrupted"}, std::pair{RunStatus::kFailed, "failed"}};
}

/// What a run is; config.json says it of all but trainings.
enum class RunKind { kTraining, kProbe };

constexpr auto names(RunKind /*tag*/) {
  return std::array{std::pair{RunKind::kTraining, "training"}, std::pair{RunKind::kProbe, "probe"}};
}

/// One epoch of a run. NaN: a number that was not computed.
struct RunEpoch {
  std::string stage;
  std::int64_t epoch = 0;  ///< of its stage, from 0
  double train_loss = 0;
  double valid_loss = 0;
  std::vector<std::pair<std::string, double>> metrics;  ///< by name, in the learner's order
  double seconds = 0;
};

/// The data of a run at its start.
struct NewRun {
  std::string folder;  ///< its name below the folder of runs
  std::string name;
  std::string group;  ///< shared by the repeats of one command; empty: a run of its own
  std::uint64_t seed = 0;
  std::string working_folder;                ///< where its relative paths begin; "": not known
  nlohmann::ordered_json config;             ///< as in config.json
  std::optional<std::int64_t> valid_images;  ///< size of the validation set, for error bars
};

/// "left_out_error_se" is the standard error of "left_out_error".
constexpr const char* kErrorSuffix = "_se";

/// A run in the registry.
struct RunRecord {
  std::int64_t id = 0;  ///< 0: the index does not hold it
  std::string folder;
  std::string name;
  std::string group;
  std::uint64_t seed = 0;
  std::string started;  ///< ISO 8601 in UTC: 2024-05-01T12:30:00Z
  std::string ended;    ///< the same; empty while it runs, and if it was not recorded
  RunStatus status = RunStatus::kRunning;
  std::string message;  ///< why it ended, or where it runs
  std::optional<std::int64_t> valid_images;
  std::string working_folder;  ///< where its relative paths begin, as run.json says; "": not known, or from the index
  ProcessIdentity process;
  nlohmann::ordered_json config;
  std::vector<RunEpoch> epochs;
  /// The position in `epochs` of the one whose weights the model has, as where a probe was better than what tuning made
  /// of it; absent: the last.
  std::optional<std::size_t> saved_epoch;

  RunKind kind() const;
  /// The epoch whose weights the model has; null without epochs.
  const RunEpoch* result() const;
  /// The value of result(), by the name of a metric, "train_loss" or "valid_loss"; nothing without one.
  std::optional<double> last(const std::string& metric) const;
  /// The first metric of result(), or "valid_loss" if there is none.
  std::string main_metric() const;
  /// One standard error of last(metric): the metric of that name and kErrorSuffix, if there is one; else from the
  /// number of validation images, if the metric is a share of images (error_rate, accuracy, exact_match) and the number
  /// is known. Absent for shares of 0 and 1, for which the formula is useless.
  std::optional<double> standard_error(const std::string& metric) const;
  /// The time from start to end, or the sum of its epochs if one of the two is not known.
  double seconds() const;
};

/// Whether the metric is a share of images each of which is right or wrong, so that the binomial formula holds.
bool is_share_of_images(const std::string& metric);

/// All of the record, including config and epochs; non-finite numbers are null.
nlohmann::ordered_json to_json(const RunRecord& record);

/// Converts the learner's record to that of the registry.
RunEpoch run_epoch(const train::EpochRecord& record, const metric::Metrics& metrics);

/// The run that `text` refers to: a folder's name, an id, a name or a group (its newest run), or an unambiguous
/// beginning of a folder or name. `records` are oldest first, as RunRegistry::all gives them; `runs` only names the
/// folder in errors. Throws core::DataError if there is no such run, suggesting the nearest one, or if several begin
/// so.
const RunRecord& find_run(const std::vector<RunRecord>& records, const std::string& text,
                          const std::filesystem::path& runs);

}  // namespace margay::run
