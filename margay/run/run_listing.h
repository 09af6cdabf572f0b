#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/run/run_record.h"
#include "margay/run/run_registry.h"
#include "margay/train/callback/callback.h"
#include "margay/train/learner.h"

namespace margay::run {

/// Keeps a run's entry in the list of runs up to date. The list is a convenience: if it cannot be written, the training
/// continues with one warning.
class RunListing : public train::Callback {
 public:
  /// runs: the folder of all runs. warn: called once if the list cannot be written.
  RunListing(const std::filesystem::path& runs, NewRun run, RunNote warn);

  /// Marks the run as running. Before that a resumed run keeps its previous state in the list, in case it is refused
  /// because its images changed.
  void begin();
  void after_epoch(train::Learner& learner, const train::Progress& at, const train::EpochRecord& record) override;
  /// The results of what is no training.
  void add(const RunEpoch& results);
  void finish(RunStatus status, const std::string& message = "", std::optional<std::size_t> saved_epoch = std::nullopt);

 private:
  /// Nothing once something has failed: each attempt may wait for a lock.
  void try_to(const std::function<void()>& write);
  void write_or_warn(const std::function<void()>& write);

  RunRegistry registry_;
  NewRun run_;
  RunNote warn_;
  bool has_failed_ = false;
};

/// The runs that a text stands for: one run, or all finished repeats of one, oldest first.
struct ChosenRuns {
  std::string text;  ///< as written
  std::vector<RunRecord> runs;
};

/// Finds runs in one folder, which is read at the first call, or anywhere by their path. A name or a group means all
/// repeats; an id, a folder and a path mean one run. Throws core::DataError, which suggests the nearest one.
class RunChooser {
 public:
  /// warn: called for problems with the index of runs.
  RunChooser(std::filesystem::path runs, RunNote warn) : runs_(std::move(runs)), warn_(std::move(warn)) {}
  ChosenRuns operator()(const std::string& text);

 private:
  std::filesystem::path runs_;
  RunNote warn_;
  std::optional<std::vector<RunRecord>> records_;
};

}  // namespace margay::run
