#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/collective/group.h"
#include "margay/train/micro_batch/micro_batch_options.h"
#include "margay/train/micro_batch/sum_tree.h"

namespace margay::train {

/// Adds up tensors over the processes of a group.
class TensorReduction {
 public:
  virtual ~TensorReduction() = default;
  /// parts: this process's sums of one tensor, for each of tree.nodes_within(its micro-batches); all dense, of one
  /// shape, strides, type float32 and device. Writes the sum over all processes into the first one.
  virtual void reduce(const std::vector<at::Tensor>& parts) = 0;
};

/// Reduce::kExact: the sums are added in the order of the tree over all micro-batches, whoever has computed them. Each
/// process gets a share of the elements from all others, adds it up and gives it to all: of n numbers it sends and
/// receives about 2n, as a ring does, if the processes' micro-batches are nodes of the tree (powers of two), else up to
/// log2 as many more. Reduce::kFast: a ring (Patarasuk, Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
/// workstations", 2009), whose order depends on the number of processes.
std::unique_ptr<TensorReduction> tensor_reduction(std::shared_ptr<collective::Group> group, const SumTree& tree,
                                                  Reduce kind);

/// Reduces tensors on a thread of its own, in the order in which they are given, while the caller computes. Until
/// finish() returns, the group is the thread's.
class BackgroundReduction {
 public:
  explicit BackgroundReduction(std::unique_ptr<TensorReduction> reduction);
  BackgroundReduction(const BackgroundReduction&) = delete;
  BackgroundReduction& operator=(const BackgroundReduction&) = delete;
  ~BackgroundReduction();

  /// As TensorReduction::reduce; the tensors must not be touched before finish().
  void start(std::vector<at::Tensor> parts);
  /// Waits for all that was started. Throws what a reduction threw; the rest is then not reduced.
  void finish();
  /// Seconds that finish() has waited in all.
  double waited_s() const { return waited_s_; }

 private:
  void run();

  std::unique_ptr<TensorReduction> reduction_;
  std::mutex changing_;
  std::condition_variable changed_;
  std::deque<std::vector<at::Tensor>> waiting_;
  std::size_t unfinished_ = 0;
  bool is_ending_ = false;
  std::exception_ptr error_;
  double waited_s_ = 0;
  std::thread thread_;  ///< last, so that all others are there when it begins
};

}  // namespace margay::train
