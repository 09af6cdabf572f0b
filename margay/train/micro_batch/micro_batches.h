#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/collective/group.h"
#include "margay/data/loader/batch.h"
#include "margay/model/classifier.h"
#include "margay/model/replica.h"
#include "margay/train/micro_batch/gradient_reduction.h"
#include "margay/train/micro_batch/gradient_step.h"
#include "margay/train/micro_batch/lane_threads.h"
#include "margay/train/micro_batch/micro_batch_options.h"
#include "margay/train/micro_batch/sum_tree.h"
#include "margay/train/wish.h"

namespace margay::train {

/// The loss of a micro-batch, or of a batch.
struct MicroLoss {
  std::int64_t images = 0;  ///< 0: none of them could be read, or one alone, on which a batch norm cannot train
  double loss = 0;          ///< their mean
};

/// The mean loss of a batch, from those of its micro-batches, in order.
MicroLoss loss_of_batch(const std::vector<MicroLoss>& losses);

/// A micro-batch that this process has sent forward.
struct MicroForward {
  data::Batch batch;
  at::Tensor logits;  ///< float [n,K]; undefined without images
  at::Tensor loss;    ///< scalar with its graph, until the backward pass; undefined without images
  double value = 0;   ///< of the loss
};

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
    /// Sets logits and loss of a micro-batch with images. Several threads call it at once, each with a network of its
    /// own.
    std::function<void(model::Classifier& network, MicroForward& part)> forward;
    /// What this process wants all to do; asked before losses are shared, in the one message of a batch.
    std::function<Wishes()> wishes;
    /// Called when all processes' losses are there, before the last backward pass: those of all micro-batches, in
    /// order, what this process has sent forward, and what any process wants. May throw, in all processes alike.
    std::function<void(const std::vector<MicroLoss>& losses, const std::vector<MicroForward>& own,
                       const Wishes& wanted)>
        check;
    /// A loss as the backward pass wants it (GradScaler).
    std::function<at::Tensor(const at::Tensor& loss)> scaled;
  };

  /// options: resolved. threads: those that this process may use; with more than a micro-batch needs it computes
  /// several at once, on a CPU.
  MicroBatches(std::shared_ptr<model::Classifier> classifier, std::shared_ptr<collective::Group> group,
               const MicroBatchOptions& options, int threads);

  /// batch: this process's part. batch_size: the images of all processes' parts that there should be; the gradients are
  /// those of the sum of all images' losses divided by it. completes_step: the sum over processes is taken, so that
  /// parameters have their gradients, and batch norms their statistics; otherwise this process's own sums wait for the
  /// next batch.
  void run(const data::Batch& batch, std::int64_t batch_size, const DrawPosition& at, bool completes_step,
           const Calls& calls);
  /// Takes the sums of batches that wait, where the last one did not complete its step.
  void complete_step();
  /// Forgets what waits.
  void clear() { step_.reset(); }

  /// The micro-batches of this process.
  MicroRange own() const { return own_; }
  /// How many of them are computed at once.
  std::size_t lanes() const { return threads_.size(); }
  /// Seconds of all batches so far: backward passes, and waiting for sums of other processes after the last one.
  double backward_s() const { return backward_s_; }
  double waited_s() const { return reduction_->waited_s(); }

 private:
  /// The lanes' networks, replicas with what the first one has now.
  std::vector<model::Classifier*> networks();
  void begin_step();
  /// Sends the micro-batches `first` … of this process forward, one on each lane. Returns their statistics.
  std::vector<at::Tensor> forward(std::vector<MicroForward>& parts, std::size_t first, std::size_t count,
                                  const DrawPosition& at, const Calls& calls);
  /// Sends them backward.
  void backward(std::vector<MicroForward>& parts, std::size_t first, std::vector<at::Tensor> statistics,
                std::int64_t batch_size, bool sends_gradients, const Calls& calls);
  /// Tells the others of this process's losses and wishes, and calls calls.check.
  void share(const std::vector<MicroForward>& own, const Calls& calls);
  void end_step();

  std::shared_ptr<model::Classifier> classifier_;
  std::shared_ptr<collective::Group> group_;
  SumTree tree_;
  MicroRange own_;
  LaneThreads threads_;
  std::vector<model::Replica> replicas_;
  std::vector<model::Classifier*> networks_;  ///< by lane, during a step
  std::unique_ptr<BackgroundReduction> reduction_;
  bool syncs_norms_;                    ///< their messages and those of gradients must not cross
  std::unique_ptr<GradientStep> step_;  ///< null between steps
  double backward_s_ = 0;
};

}  // namespace margay::train
