#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "apps/studio/loaded_models.h"

namespace margay::run {
class TrainingFeatures;
}

namespace margay::studio {

/// How far the features of a model's training images are.
struct ExamplesStatus {
  enum class State { kNone, kWorking, kReady, kFailed };
  State state = State::kNone;
  std::int64_t done = 0;
  std::int64_t total = 0;
  std::string problem;
  std::string reason;  ///< which images, where they are ready
  std::vector<std::string> warnings;
};

/// The features of training images, by which the nearest ones of a tried image are found. Computed when somebody asks
/// for them, on a thread of its own and one model at a time; those of the models used last are kept in memory, and on
/// disk in the user's cache of features, which probes fill, too. May be used from any thread.
class TrainingExamples {
 public:
  using Features = std::shared_ptr<const run::TrainingFeatures>;
  using OnProgress = std::function<void(std::int64_t done, std::int64_t total)>;
  using Collect = std::function<Features(const ListedModel&, const OnProgress&)>;
  using Tell = std::function<void(const std::string& model, const ExamplesStatus&)>;

  /// collect: does the work; what on_progress throws ends it. tell: is told of each change; must not throw.
  TrainingExamples(Collect collect, Tell tell);
  TrainingExamples(const TrainingExamples&) = delete;
  TrainingExamples& operator=(const TrainingExamples&) = delete;
  /// Ends what is in work at its next batch.
  ~TrainingExamples();

  /// Begins, unless they are there or in work; a failed one is tried again.
  ExamplesStatus begin(const ListedModel& model);
  /// Ends those in work for this model; what was computed stays in the cache.
  void stop(const std::string& model);
  /// Those of a model whose file was written anew are none.
  ExamplesStatus status(const ListedModel& model) const;
  /// Null unless they are ready.
  Features features(const ListedModel& model) const;

 private:
  struct Entry {
    ListedModel model;
    ExamplesStatus status;
    Features features;
    bool is_wanted = true;
  };
  static constexpr std::size_t kKept = 3;

  void run(const std::stop_token& stop);
  void work(const std::shared_ptr<Entry>& entry, const std::stop_token& stop);
  void change(Entry& entry, const std::function<void(Entry&)>& how);
  std::shared_ptr<Entry> find(const std::string& id) const;
  std::shared_ptr<Entry> find_current(const ListedModel& model) const;

  const Collect collect_;
  const Tell tell_;
  mutable std::mutex mutex_;
  std::condition_variable_any wakes_;
  std::list<std::shared_ptr<Entry>> entries_;  ///< the one used last first
  std::jthread thread_;                        // last: it uses what stands above
};

}  // namespace margay::studio
