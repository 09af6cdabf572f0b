#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/chart/line_chart.h"
#include "margay/metric/metric.h"
#include "margay/run/compare_runs.h"
#include "margay/train/batch_size/find_batch_size.h"
#include "margay/train/callback/callback.h"

namespace margay::run {

/// A training without pretrained weights, and how the next one could have some.
struct FromScratch {
  std::string arch;         ///< "auto": it is about to be chosen
  std::string weights_url;  ///< of the network's published weights; "" where there are none, and for "auto"
  std::filesystem::path
      place;                 ///< the file in the user's cache folder that `weights` "cached" reads; "" without a folder
  bool is_in_cache = false;  ///< whether it is there
};

/// The data and the network of a run, before it trains.
struct Started {
  std::filesystem::path folder;
  std::int64_t train_images = 0;
  std::int64_t valid_images = 0;
  std::int64_t num_classes = 0;
  std::string arch;
  std::string precision;
  bool is_pretrained = false;
  std::int64_t micro_batches = 1;  ///< of each batch, to which the training's bits belong (train::MicroBatchOptions)
};

/// The point from which a run continues.
struct Resumed {
  std::filesystem::path checkpoints;                ///< their folder
  std::optional<std::filesystem::path> checkpoint;  ///< none: training starts from the beginning
  bool had_torn_checkpoints = false;
  std::string stage;  ///< "" before the first step
  std::int64_t epochs_done = 0;
  std::int64_t batches_done = 0;  ///< of the epoch in progress
};

/// A run that is finished already, so that there is nothing to continue.
struct Finished {
  std::filesystem::path folder;
  std::filesystem::path model;
  std::filesystem::path data;  ///< the folder of images
  bool has_data = true;        ///< whether it is there
  std::int64_t epochs = 0;
  std::string metric;
  std::optional<double> result;  ///< of the last epoch
};

/// The results of a run.
struct Ended {
  std::filesystem::path folder;
  std::filesystem::path model;
  std::string interruption;  ///< why it ended early; "" when it is done
  std::string judgement;     ///< of a training from a probe: which of the two the model is, and why; "" for others
  std::vector<chart::LineChart> charts;
};

struct ProbeStart;
struct Probed;
struct ProbeComparison;

/// Receives the progress of a run, for a terminal, a page or a test. A run announces its progress here and never
/// prints. All calls come from the thread that trains; an exception from a call ends the run.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Called after every step, in every search, and between repeats.
  virtual bool is_stop_wanted() const { return false; }
  /// Callbacks for the training itself: a table of epochs, a progress line.
  virtual std::vector<std::shared_ptr<train::Callback>> callbacks() { return {}; }

  virtual void warned(const std::string& /*text*/) {}
  /// A search before the training has done `done` of `total` units.
  virtual void progressed(const std::string& /*task*/, std::int64_t /*done*/, std::int64_t /*total*/,
                          const std::string& /*details*/) {}
  /// The search is over.
  virtual void progress_ended() {}

  /// text: the chosen network, its time, and the runner-up.
  virtual void chose_architecture(const std::string& /*text*/) {}
  /// text: the publisher of the weights, and what they expect that is not as the table of architectures says.
  virtual void recognised_weights(const std::string& /*text*/) {}
  virtual void found_batch_size(const train::BatchSizeAdvice& /*advice*/) {}
  virtual void found_lr(double /*lr*/) {}
  /// i of n, from 1.
  virtual void repeated(std::int64_t /*i*/, std::int64_t /*n*/, std::uint64_t /*seed*/) {}
  /// Called once, before the first training starts, or before a search that it takes.
  virtual void trains_from_scratch(const FromScratch& /*what*/) {}
  virtual void started(const Started& /*start*/) {}
  virtual void resumed(const Resumed& /*where*/) {}
  /// The run that was to continue is finished; nothing is trained.
  virtual void was_finished(const Finished& /*end*/) {}
  /// The shares of the first epoch's time, after that epoch, if they explain it.
  virtual void found_bottleneck(const std::string& /*text*/) {}
  /// The results of the saved model, if it is not that of the last epoch.
  virtual void evaluated_saved_model(const train::EpochRecord& /*record*/, const metric::Metrics& /*metrics*/) {}
  /// The use of the cache.
  virtual void reported_cache(const std::string& /*text*/) {}
  virtual void ended(const Ended& /*end*/) {}
  /// One metric over all finished repeats.
  virtual void repeats_ended(const std::string& /*metric*/, const RunResult& /*result*/) {}

  /// A probe (margay/run/probe_run.h) begins; what it found.
  virtual void probe_started(const ProbeStart& /*start*/) {}
  virtual void probed(const Probed& /*results*/) {}
  /// Networks were compared by probes (margay/run/probe_comparison.h).
  virtual void compared_probes(const ProbeComparison& /*comparison*/) {}
};

}  // namespace margay::run
