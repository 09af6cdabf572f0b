#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/model/classifier.h"
#include "margay/train/micro_batch/gradient_reduction.h"
#include "margay/train/micro_batch/gradient_sum.h"
#include "margay/train/micro_batch/sum_tree.h"

namespace margay::train {

/// The sums of one step of the optimizer, over its micro-batches and processes. Its tensors are the batch norms'
/// statistics, which come first, and the gradients, from the last layer to the first, as backward passes give them.
/// Several of them are sent to other processes together, in flat memory; a large one is sent where it lies.
class GradientStep {
 public:
  /// lanes: the networks that compute micro-batches at once (the first one and its replicas); the sums become the
  /// gradients of the first. own: the micro-batches of this process. reduction: outlives the step.
  GradientStep(std::vector<model::Classifier*> lanes, const SumTree& tree, MicroRange own,
               BackgroundReduction& reduction);

  /// Computes gradients for one more batch, which does not complete the step: after backward() has run on a lane, they
  /// wait for those of the same micro-batch of later batches. micro_batch: among those of this process.
  void accumulate(std::size_t lane, std::size_t micro_batch, at::Tensor statistics,
                  const std::function<void()>& backward);

  /// Says which micro-batches the lanes compute next, one each, of the batch that completes the step.
  void begin_group(std::size_t first_micro_batch, std::size_t lanes);
  /// As accumulate(), but tensors leave for the sum, and after the last micro-batch for other processes, while
  /// backward() still runs. Lanes may do so at once.
  void complete(std::size_t lane, at::Tensor statistics, const std::function<void()>& backward);
  /// The same of what waits, where the last batch did not complete the step.
  void complete_waiting();

  /// Waits for the sums of all processes, and gives them to the first network.
  void finish();

 private:
  /// Tensors that are sent together.
  struct Bucket {
    std::vector<std::size_t> tensors;
    std::size_t missing = 0;
    at::Tensor together;  ///< the sums, where the tensors are several
  };

  void make_buckets();
  /// Lets the gradients be added to those of batches before.
  void put_waiting(std::size_t lane, std::size_t micro_batch);
  void arrived(std::size_t lane, std::size_t tensor, at::Tensor value);
  void send_ready();
  void send(Bucket& bucket);
  void spread(Bucket& bucket);

  std::vector<model::Classifier*> lanes_;
  std::vector<std::vector<at::Tensor>> parameters_;  ///< of each lane, the last layer's first
  BackgroundReduction& reduction_;
  std::vector<std::vector<at::Tensor>> waiting_;  ///< tensors of each micro-batch, of earlier batches
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> bucket_of_;  ///< of each tensor
  std::size_t next_bucket_ = 0;
  std::vector<at::Tensor> sums_;

  std::mutex changing_;  ///< of what lanes do at once: all below
  GradientSum sum_;
  std::size_t first_of_group_ = 0;
  std::size_t group_size_ = 0;
  std::vector<std::vector<at::Tensor>> of_group_;  ///< of each tensor, by lane, until all lanes have it
};

}  // namespace margay::train
