#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/options.h"
#include "margay/data/item.h"
#include "margay/run/run_record.h"

namespace margay::run {

/// runs/<time>-<name>/: everything that one training leaves.
class RunFolder {
 public:
  /// Makes the folder. Throws core::IoError if that fails.
  RunFolder(const std::filesystem::path& runs, const std::string& name);
  /// Opens an existing folder. Throws core::DataError for a folder without config.json, core::Error while another
  /// process trains in it.
  static RunFolder open(const std::filesystem::path& path);
  /// The folder of a run that several processes train, for those that only read it: rank 0 made or opened it.
  static RunFolder of_first_rank(const std::filesystem::path& path) { return RunFolder(path, std::nullopt); }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path model() const { return path_ / "model.margay"; }
  std::filesystem::path config() const { return path_ / "config.json"; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path best() const { return path_ / "best.margay"; }
  /// tuning.json: how a training from a probe compares with it (train::TuningComparison).
  std::filesystem::path tuning() const { return path_ / "tuning.json"; }
  std::filesystem::path history() const { return path_ / "history.csv"; }
  std::filesystem::path steps() const { return path_ / "steps.jsonl"; }
  std::filesystem::path tensorboard() const { return path_ / "tensorboard"; }
  /// Of a probe.
  std::filesystem::path left_out() const { return path_ / "left_out.csv"; }
  std::filesystem::path valid() const { return path_ / "valid.csv"; }
  std::filesystem::path hardest() const { return path_ / "hardest.png"; }
  std::filesystem::path results() const { return path_ / "probe.json"; }
  /// losses.svg, losses.png
  std::filesystem::path chart(const std::string& extension) const { return path_ / ("losses." + extension); }

  /// The file with images, labels and split; `labels_csv` reads it to repeat the split. Several labels need JSON lines.
  std::filesystem::path split(data::Task task) const {
    return path_ / (task == data::Task::kSingleLabel ? "split.csv" : "split.jsonl");
  }

  /// A warning if the disk has less room than `needed_bytes`, "" otherwise, and where the system does not say.
  std::string space_warning(std::uintmax_t needed_bytes) const;

  /// config.json: the settings actually used; `margay train `config`` runs them again.
  void write_config(const nlohmann::ordered_json& config) const;
  void write_tuning(const nlohmann::ordered_json& comparison) const;
  /// config.json as it is written. Throws core::FormatError, core::DataError.
  nlohmann::ordered_json read_config_json() const;
  /// The settings in config.json. Throws core::FormatError, core::DataError.
  template <core::Options T>
  T read_config() const {
    T options;
    try {
      core::from_json(read_config_json(), options);
    } catch (const std::invalid_argument& error) {
      throw core::FormatError(config(), error.what());
    }
    return options;
  }

 private:
  explicit RunFolder(std::filesystem::path path);
  RunFolder(std::filesystem::path path, std::optional<core::FileLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::filesystem::path path_;
  std::optional<core::FileLock> lock_;  ///< prevents two processes from training in one folder
};

/// Throws std::invalid_argument, beginning with "[command] ", for a name that cannot be part of a folder's, and for
/// settings that are not UTF-8, which config.json, the model and the list of runs could not hold.
void check_run(const std::string& command, const std::string& name, const nlohmann::ordered_json& settings);

/// The working folder, for NewRun; "" where it is gone.
std::string present_folder();

/// Throws core::IoError where the folder of runs could not be made; for commands that first work for minutes.
void check_runs_folder(const std::filesystem::path& runs);

/// The epochs listed in a run's history.csv, up to the first broken line; none if there is no such file. The metrics
/// are the columns between valid_loss and seconds.
std::vector<RunEpoch> read_history(const std::filesystem::path& path);

/// run.json in a run's folder holds the state of the run, beside config.json (its settings) and history.csv (its
/// results). Together they hold everything of a RunRecord except its id, so an index can be made from the folders at
/// any time.
/// Throws core::IoError.
void write_run_file(const std::filesystem::path& runs, const RunRecord& record);

/// Reads the record of a run from the files of its folder. Older versions wrote no run.json: then the start comes from
/// the folder's name, or else from the time of config.json, and the run is done if there is a model, otherwise
/// interrupted. A damaged file is ignored, and history.csv is read up to its first broken line. Returns nothing if
/// there is neither config.json nor run.json.
std::optional<RunRecord> read_run_folder(const std::filesystem::path& folder);

/// What is wrong with the files that read_run_folder reads, a sentence for each: missing, damaged, half written, or of
/// a format that a newer version writes. None where all of them can be read.
std::vector<std::string> run_folder_problems(const std::filesystem::path& folder);

/// Whether the record is final enough to be stored: there is a run.json or a history. Otherwise the run may be about to
/// begin.
bool has_outcome(const std::filesystem::path& folder);

/// The names of the folders below `runs` that are runs, sorted; none if `runs` does not exist.
/// Throws core::IoError when it cannot be read.
std::vector<std::string> run_folders(const std::filesystem::path& runs);

}  // namespace margay::run
