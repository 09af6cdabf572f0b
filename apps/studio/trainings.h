#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "margay/run/run_record.h"

namespace margay::studio {

/// A process that the studio started.
struct StartedTraining {
  std::int64_t number = 0;  ///< 1, 2, … in the order of their starts
  std::int64_t pid = 0;
  std::string command;        ///< as it would be typed into a shell
  std::filesystem::path log;  ///< what it printed
  std::optional<int> ended;   ///< its exit status; 128 + the signal that ended it; absent while it runs
};

/// Starts trainings as processes of their own, which outlive the page and the studio: each leads a session, so that
/// ctrl-C in the studio's terminal does not reach it, and writes what it prints into a file below `logs`. From several
/// threads.
class Trainings {
 public:
  /// executable: margay. logs: is made when the first one starts.
  Trainings(std::filesystem::path executable, std::filesystem::path logs)
      : executable_(std::move(executable)), logs_(std::move(logs)) {}

  /// Starts `margay ARGUMENTS…` in the studio's own working folder. Throws core::Error if it cannot be started.
  StartedTraining start(const std::vector<std::string>& arguments);

  /// Those that were started, newest first, with what has become of them.
  std::vector<StartedTraining> all();

  /// The end of what a training printed, whole lines, 8 KiB at most; "" for an unknown one.
  std::string printed(std::int64_t number);

 private:
  void ask_for_ends();

  std::filesystem::path executable_;
  std::filesystem::path logs_;
  std::mutex mutex_;
  std::vector<StartedTraining> started_;
};

/// Asks the process of a run to stop, as ctrl-C does: it saves a checkpoint and ends. The process is known by more than
/// its number, so that no other one is met. Throws http::RequestError, 409, where the run does not run, or not on this
/// machine; core::Error if it may not be stopped.
void stop_training(const run::RunRecord& record);

/// "margay train images --epochs 3", to paste into a shell.
std::string command_text(const std::vector<std::string>& arguments);

}  // namespace margay::studio
