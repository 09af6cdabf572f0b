#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/cli/data_flags.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/options.h"
#include "margay/data/item.h"
#include "margay/train/callback/callback.h"
#include "margay/train/learner.h"
#include "margay/train/registry/run_record.h"
#include "margay/train/registry/run_registry.h"

namespace margay::cli {

/// runs/<time>-<name>/: everything that one training leaves.
class RunFolder {
 public:
  /// Makes the folder. Throws core::IoError if that fails.
  RunFolder(const std::filesystem::path& runs, const std::string& name);
  /// Opens an existing folder. Throws core::DataError for a folder without config.json, core::Error while another
  /// process trains in it.
  static RunFolder open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path model() const { return path_ / "model.margay"; }
  std::filesystem::path config() const { return path_ / "config.json"; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path best() const { return path_ / "best.margay"; }
  std::filesystem::path history() const { return path_ / "history.csv"; }
  std::filesystem::path steps() const { return path_ / "steps.jsonl"; }
  std::filesystem::path tensorboard() const { return path_ / "tensorboard"; }
  /// losses.svg, losses.png
  std::filesystem::path chart(const std::string& extension) const { return path_ / ("losses." + extension); }

  /// The file with images, labels and split; --labels-csv reads it to repeat the split. Several labels need JSON lines.
  std::filesystem::path split(data::Task task) const {
    return path_ / (task == data::Task::kSingleLabel ? "split.csv" : "split.jsonl");
  }

  /// config.json: the settings actually used; `margay train --config` runs them again.
  void write_config(const nlohmann::ordered_json& config) const;
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
  nlohmann::ordered_json read_config_json() const;

  std::filesystem::path path_;
  core::FileLock lock_;  ///< prevents two processes from training in one folder
};

/// Keeps a run's entry in the list of runs up to date. The list is a convenience: if it cannot be written, the training
/// continues with one warning.
class RunListing : public train::Callback {
 public:
  /// runs: the folder of them all.
  RunListing(const std::filesystem::path& runs, train::NewRun run);

  /// Marks the run as running. Before that a resumed run keeps its previous state in the list, in case it is refused
  /// because its images changed.
  void begin();
  void after_epoch(train::Learner& learner, const train::Progress& at, const train::EpochRecord& record) override;
  void finish(train::RunStatus status, const std::string& message = "");

 private:
  void try_to(const std::function<void()>& write);

  train::RunRegistry registry_;
  train::NewRun run_;
  bool has_failed_ = false;
};

/// The provenance stored in a model file: program, results, and under `data` how labels and split were found, so that
/// `margay evaluate` can find them again. results: those of the weights in the file; null before the first epoch.
nlohmann::ordered_json provenance(const DataOptions& data, const train::Learner& learner,
                                  const train::EpochRecord* results);

/// The runs of a folder; problems with their index are reported on stderr.
std::vector<train::RunRecord> runs_in(const std::filesystem::path& folder);

/// The runs meant by a RUN on the command line: one run, or all finished repeats of one, oldest first.
struct ChosenRuns {
  std::string text;  ///< as written
  std::vector<train::RunRecord> runs;
};

/// Finds runs in one folder, which is read at the first call, or anywhere by their path. A name or a group means all
/// repeats; an id, a folder and a path mean one run. Throws core::DataError, which suggests the nearest one.
class RunChooser {
 public:
  explicit RunChooser(std::filesystem::path runs) : runs_(std::move(runs)) {}
  ChosenRuns operator()(const std::string& text);

 private:
  std::filesystem::path runs_;
  std::optional<std::vector<train::RunRecord>> records_;
};

}  // namespace margay::cli
