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

namespace margay::train {

/// A process that no other can be taken for, not even a later one of the same number.
struct ProcessIdentity {
  std::string host;         ///< as gethostname says
  std::string machine;      ///< the boot and the set of process numbers (container); empty: not known
  std::int64_t pid = 0;     ///< 0: nobody
  std::string start_ticks;  ///< since the boot; empty: not known
};

ProcessIdentity this_process();

/// What can be said of a process from here.
enum class Liveness { kAlive, kGone, kElsewhere };

/// kElsewhere: it runs, or ran, on another host, which nobody here can see. A process of an earlier boot of this host,
/// and a zombie, is gone.
Liveness liveness(const ProcessIdentity& process);

nlohmann::ordered_json to_json(const ProcessIdentity& process);
/// What is missing or of another type stays empty.
ProcessIdentity process_of(const nlohmann::ordered_json& json);

/// How a run stands.
enum class RunStatus { kRunning, kDone, kInterrupted, kFailed };

constexpr auto names(RunStatus /*tag*/) {
  return std::array{std::pair{RunStatus::kRunning, "running"}, std::pair{RunStatus::kDone, "done"},
                    std::pair{RunStatus::kInterrupted, "interrupted"}, std::pair{RunStatus::kFailed, "failed"}};
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

/// What a training tells of itself at its start.
struct NewRun {
  std::string folder;  ///< its name below the folder of runs
  std::string name;
  std::string group;  ///< shared by the repeats of one command; empty: a run of its own
  std::uint64_t seed = 0;
  nlohmann::ordered_json config;             ///< as in config.json
  std::optional<std::int64_t> valid_images;  ///< how many judge it; error bars need it
};

/// A run as the registry knows it.
struct RunRecord {
  std::int64_t id = 0;  ///< 0: the index does not hold it
  std::string folder;
  std::string name;
  std::string group;
  std::uint64_t seed = 0;
  std::string started;  ///< ISO 8601 in UTC: 2024-05-01T12:30:00Z
  std::string ended;    ///< the same; empty while it runs, and where nobody wrote it down
  RunStatus status = RunStatus::kRunning;
  std::string message;  ///< why it ended, or where it runs
  std::optional<std::int64_t> valid_images;
  ProcessIdentity process;
  nlohmann::ordered_json config;
  std::vector<RunEpoch> epochs;

  /// The value of the last epoch, by the name of a metric, "train_loss" or "valid_loss"; nothing without one.
  std::optional<double> last(const std::string& metric) const;
  /// The first metric of the last epoch, or "valid_loss" where there is none.
  std::string main_metric() const;
  /// One standard error of last(metric) by the number of images that judged it: of shares of images (error_rate,
  /// accuracy, exact_match) whose number is known, unless the share is 0 or 1, where the formula says nothing.
  std::optional<double> standard_error(const std::string& metric) const;
  /// From start to end, or the sum of its epochs where one of both is not known.
  double seconds() const;
};

/// Whether the metric is a share of images each of which is right or wrong, so that the binomial formula holds.
bool is_share_of_images(const std::string& metric);

/// Everything in it, config and epochs too; numbers that are not finite are null.
nlohmann::ordered_json to_json(const RunRecord& record);

/// Seconds since 1970 as "2024-05-01T12:30:00Z", and back. Nothing for a text of another form.
std::string utc_text(std::int64_t seconds);
std::optional<std::int64_t> utc_seconds(const std::string& text);

/// The learner's record as the registry keeps it.
RunEpoch run_epoch(const EpochRecord& record, const metric::Metrics& metrics);

/// Which run a person means by `text`: a folder's name, an id, a name or a group (the newest of it), or how just one
/// folder or name begins. `records` are oldest first, as RunRegistry::all gives them; `runs` only names the folder
/// in errors. Throws core::DataError: no such run, with the nearest there is, or several that begin so.
const RunRecord& find_run(const std::vector<RunRecord>& records, const std::string& text,
                          const std::filesystem::path& runs);

}  // namespace margay::train
