#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/collective/group.h"
#include "margay/data/loader/batch.h"
#include "margay/model/classifier.h"
#include "margay/train/micro_batch/gradient_reduction.h"
#include "margay/train/micro_batch/micro_batch_options.h"
#include "margay/train/micro_batch/sum_tree.h"

namespace margay::train {

/// One micro-batch after its forward pass.
struct MicroLoss {
  std::int64_t images = 0;  ///< 0: none of them could be read, or one alone, on which a batch norm cannot train
  double loss = 0;          ///< their mean
};

/// The mean loss of a batch, from those of its micro-batches, in order.
MicroLoss loss_of_batch(const std::vector<MicroLoss>& losses);

/// Where in a training a batch stands; with a seed it decides what is drawn in the network.
struct DrawPosition {
  std::uint64_t seed = 0;
  std::int64_t pass = 0;
  std::int64_t batch = 0;
};

/// Trains on batches part by part: each micro-batch goes forward and backward alone, and the sum of all gradients, over
/// all processes, becomes that of the parameters. Everything that a micro-batch computes depends on its images, its
/// number and its threads alone, and sums have one order (SumTree), so that the bits are the same for any number of
/// processes.
class MicroBatches {
 public:
  /// What the learner does with a batch.
  struct Calls {
    /// The mean loss of a micro-batch, a scalar with its graph.
    std::function<at::Tensor(const data::Batch& part)> forward;
    /// Called when all processes' losses are there, before the last backward pass: of all micro-batches, in order. May
    /// throw, in all processes alike.
    std::function<void(const std::vector<MicroLoss>& losses)> check;
    /// A loss as the backward pass wants it (GradScaler).
    std::function<at::Tensor(const at::Tensor& loss)> scaled;
  };

  /// options: resolved.
  MicroBatches(std::shared_ptr<model::Classifier> classifier, std::shared_ptr<collective::Group> group,
               const MicroBatchOptions& options);
  MicroBatches(const MicroBatches&) = delete;
  MicroBatches& operator=(const MicroBatches&) = delete;
  ~MicroBatches();

  /// batch: this process's part. batch_size: the images of all processes' parts that there should be; the gradients are
  /// those of the sum of all images' losses divided by it. completes_step: the sum over processes is taken, so that
  /// parameters have their gradients, and batch norms their statistics; otherwise this process's own sums wait for the
  /// next batch.
  void run(const data::Batch& batch, std::int64_t batch_size, const DrawPosition& at, bool completes_step,
           const Calls& calls);
  /// Takes the sums of batches that wait, where the last one did not complete its step.
  void complete_step();
  /// Forgets what waits.
  void clear();

  const MicroBatchOptions& options() const { return options_; }
  /// The micro-batches of this process.
  MicroRange own() const { return own_; }
  /// Seconds spent waiting for sums of other processes, after the backward pass.
  double waited_s() const { return reduction_->waited_s(); }

 private:
  class Step;
  struct Forward {
    at::Tensor loss;        ///< undefined without images
    at::Tensor statistics;  ///< NormStatistics::of_part
  };

  /// part: null where there are no images.
  Forward forward(const data::Batch* part, const Calls& calls) const;
  void end_step();
  std::vector<MicroLoss> gathered(const std::vector<MicroLoss>& own);

  std::shared_ptr<model::Classifier> classifier_;
  std::shared_ptr<collective::Group> group_;
  MicroBatchOptions options_;
  SumTree tree_;
  MicroRange own_;
  std::unique_ptr<BackgroundReduction> reduction_;
  std::unique_ptr<Step> step_;  ///< null between steps
};

}  // namespace margay::train
