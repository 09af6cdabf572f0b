#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/studio/changes.h"
#include "margay/run/run_watch.h"
#include "margay/run/step_log.h"

namespace margay::studio {

/// Which part of which curves is drawn, and how wide.
struct CurveWindow {
  enum class Axis { kSteps, kSeconds };

  std::vector<std::string> folders;  ///< of the runs
  std::vector<std::string> names;    ///< "loss", "valid_loss", …
  Axis axis = Axis::kSteps;
  double low = 0;  ///< of the axis
  double high = 0;
  std::size_t columns = 1000;  ///< pixels, 1 … kMostColumns

  static constexpr std::size_t kMostColumns = 8192;
};

/// How often pages are told that a training has grown. To read and draw its curves is nearly all that watching it
/// costs, so they are told after each quarter of the time that it has grown for, and every ten seconds at least: at the
/// beginning of a training with every look.
class GrowthPace {
 public:
  using Clock = std::chrono::steady_clock;

  /// Whether the growth of that run is told now; if so it counts as told.
  bool tells(const std::string& run, Clock::time_point now);
  /// It no longer runs, or begins anew.
  void forget(const std::string& run) { runs_.erase(run); }

 private:
  struct Told {
    Clock::time_point first;
    Clock::time_point last;
  };
  std::map<std::string, Told> runs_;
};

/// What the page's view of runs asks for. From several threads.
class RunsView {
 public:
  /// changes: where a run that changes is told, as "runs" with {"folders": [...]}, and as "steps" what only has more
  /// steps.
  RunsView(std::filesystem::path runs, Changes& changes) : watch_(std::move(runs)), changes_(changes) {}

  /// Looks for changes and tells them and what requests have found since the last time: at once that a run has begun or
  /// ended, at GrowthPace that one has more steps or epochs.
  void look();

  /// All runs, newest first, with what a list shows of each.
  nlohmann::ordered_json list();
  /// All about one run. Throws core::DataError where there is none.
  nlohmann::ordered_json run(const std::string& folder);
  /// Curves of runs in a window, thinned to what a drawing of its width can show; JSON as text.
  std::string curves(const CurveWindow& window);
  /// The runs compared with the first: results, verdicts, what they do not cover, and the settings that differ.
  nlohmann::ordered_json compared(const std::vector<std::string>& folders, const std::string& metric);

 private:
  struct KeptLog {
    std::mutex mutex;
    run::StepLog log;
    explicit KeptLog(std::filesystem::path file) : log(std::move(file)) {}
  };

  void refresh();
  bool only_grows(const std::string& folder);
  std::shared_ptr<KeptLog> log_of(const std::string& folder);

  run::RunWatch watch_;
  Changes& changes_;
  std::mutex untold_mutex_;
  std::set<std::string> untold_runs_;
  std::set<std::string> untold_steps_;
  std::map<std::string, run::RunStatus> told_;  ///< of the runs that are there
  GrowthPace pace_;
  std::mutex logs_mutex_;
  std::list<std::pair<std::string, std::shared_ptr<KeptLog>>> logs_;  ///< last used first
};

}  // namespace margay::studio
