#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "margay/run/evaluation_set.h"

namespace margay::run {
class Evaluation;
}
namespace margay::serve {
class ServedModel;
}

namespace margay::studio {

/// What is asked about a model.
struct EvaluationQuestion {
  std::string model;   ///< ListedModel::id
  std::string stamp;   ///< ListedModel::stamp: a file that was written anew is another model
  std::string folder;  ///< ServedFolder::id
  std::optional<run::JudgedPart> part;
  bool leaves_unknown_out = false;  ///< images whose label is no class of the model
  bool unlabelled = false;

  /// The same for equal questions.
  std::string text() const;
};

/// A model's predictions of a folder, judged.
struct JudgedModelOfPage {
  std::shared_ptr<const serve::ServedModel> model;
  std::shared_ptr<const run::Evaluation> evaluation;
  std::string title;
  std::string reason;  ///< which images were judged, and why
  std::vector<std::string> warnings;
};

enum class EvaluationState { kWaiting, kWorking, kDone, kFailed, kLeft };

constexpr auto names(EvaluationState /*tag*/) {
  return std::array{std::pair{EvaluationState::kWaiting, "waiting"}, std::pair{EvaluationState::kWorking, "working"},
                    std::pair{EvaluationState::kDone, "done"}, std::pair{EvaluationState::kFailed, "failed"},
                    std::pair{EvaluationState::kLeft, "left"}};
}

/// How far an evaluation is.
struct EvaluationStatus {
  std::string id;  ///< no other start of the program gives the same: browsers keep images by it
  EvaluationState state = EvaluationState::kWaiting;
  std::int64_t done = 0;   ///< images
  std::int64_t total = 0;  ///< 0: not known yet
  std::string problem;     ///< of a failed one
};

/// Evaluations that pages ask for, one after the other on a thread of its own. Each is computed once, and kept as long
/// as it is among those used last; nothing is written. One that nobody waits for any more ends: a page says so when it
/// leaves, and one that is gone without a word (a closed laptop, a killed browser) is noticed by its silence.
class Evaluations {
 public:
  using Clock = std::chrono::steady_clock;
  /// on_progress throws core::Interrupted where nobody waits any more.
  using OnProgress = std::function<void(std::int64_t done, std::int64_t total)>;
  using Judge = std::function<JudgedModelOfPage(const EvaluationQuestion&, const OnProgress&)>;
  using Tell = std::function<void(const EvaluationStatus&)>;

  struct Options {
    std::size_t kept = 4;
    /// A hidden tab's timers run once a minute.
    std::chrono::milliseconds silence = std::chrono::seconds(150);
    std::chrono::milliseconds tell_every = std::chrono::milliseconds(250);
  };

  /// judge: does the work, on this object's thread. tell: is told of each change; must not throw.
  Evaluations(Judge judge, Tell tell, const Options& options);
  Evaluations(Judge judge, Tell tell) : Evaluations(std::move(judge), std::move(tell), Options()) {}
  Evaluations(const Evaluations&) = delete;
  Evaluations& operator=(const Evaluations&) = delete;
  /// Ends the one in progress at its next batch.
  ~Evaluations();

  /// Begins it, unless it is there or in work. watcher: the page. again: even if it is there, as images may have
  /// changed.
  EvaluationStatus ask(const EvaluationQuestion& question, const std::string& watcher, bool again = false);
  /// Says that the watcher still waits. Throws http::RequestError, 404, for an id that is not kept (any more).
  EvaluationStatus status(const std::string& id, const std::string& watcher);
  /// The watcher waits no more. Nothing for an unknown id.
  void leave(const std::string& id, const std::string& watcher);
  /// The result. Throws http::RequestError: 404 for an unknown id, 409 for one that is not done.
  std::shared_ptr<const JudgedModelOfPage> result(const std::string& id);

 private:
  struct Entry {
    EvaluationQuestion question;
    EvaluationStatus status;
    std::map<std::string, Clock::time_point> watchers;
    std::shared_ptr<const JudgedModelOfPage> result;
  };
  using Entries = std::list<Entry>;

  void run(const std::stop_token& stop);
  void work(Entry& entry, const std::stop_token& stop);
  void change(Entry& entry, const std::function<void(EvaluationStatus&)>& how);
  bool is_watched(Entry& entry);
  Entries::iterator find(const std::string& id);
  void drop_old();

  const Judge judge_;
  const Tell tell_;
  const Options options_;
  const std::string start_;  ///< before the number in each id
  std::mutex mutex_;
  std::condition_variable_any wakes_;
  Entries entries_;  ///< the one used last first
  std::int64_t asked_ = 0;
  std::jthread thread_;  // last: it uses what stands above
};

}  // namespace margay::studio
