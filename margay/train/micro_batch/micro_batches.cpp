#include "margay/train/micro_batch/micro_batches.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/core/random.h"
#include "margay/model/cpu_threads.h"
#include "margay/model/network_draws.h"
#include "margay/train/micro_batch/gradient_sum.h"
#include "margay/train/micro_batch/norm_statistics.h"

namespace margay::train {
namespace {

constexpr std::uint64_t kDrawStream = 4;
/// Tensors are sent together up to this size; one that is larger is sent where it lies.
constexpr std::int64_t kBucketBytes = std::int64_t{8} << 20U;
/// A batch norm cannot train on one image.
constexpr std::int64_t kLeastImages = 2;

std::uint64_t draw_key(const DrawPosition& at, std::int64_t micro_batch) {
  return core::Random{at.seed, static_cast<std::uint64_t>(at.pass), static_cast<std::uint64_t>(at.batch),
                      static_cast<std::uint64_t>(micro_batch), kDrawStream}
      .next();
}

/// The images [begin, begin + size) as a batch of their own. Where the batch has others they are copied, since fast
/// loops may depend on how memory is aligned.
data::Batch part_of(const data::Batch& batch, std::int64_t begin, std::int64_t size) {
  data::Batch part;
  part.index = batch.index;
  part.ids.assign(batch.ids.begin() + begin, batch.ids.begin() + begin + size);
  if (size == batch.size()) {
    part.images = batch.images;
    part.targets = batch.targets;
  } else if (size > 0) {
    part.images = batch.images.narrow(0, begin, size).clone();
    part.targets = batch.targets.narrow(0, begin, size).clone();
  }
  return part;
}

/// The micro-batches of this process; batches that the loader did not divide are one.
std::vector<data::Batch> parts_of(const data::Batch& batch, MicroRange own) {
  std::vector<std::int64_t> sizes = batch.micro_sizes;
  if (sizes.empty()) sizes = {batch.size()};
  sizes.resize(static_cast<std::size_t>(own.size()));  // a process without images got an empty batch
  std::vector<data::Batch> parts;
  std::int64_t begin = 0;
  for (const std::int64_t size : sizes) {
    parts.push_back(part_of(batch, begin, size));
    begin += size;
  }
  return parts;
}

/// Calls a function when a parameter has its gradient.
class GradientHook : public torch::autograd::FunctionPostHook {
 public:
  explicit GradientHook(std::function<void()> call) : call_(std::move(call)) {}
  torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                            const torch::autograd::variable_list& /*inputs*/) override {
    call_();
    return outputs;
  }

 private:
  std::function<void()> call_;
};

at::Tensor flat_of(const at::Tensor& dense) { return dense.as_strided({dense.numel()}, {1}); }

/// Takes the gradient from the parameter; zeros where the network did not use it.
at::Tensor taken_gradient(const at::Tensor& parameter) {
  at::Tensor gradient = std::exchange(parameter.mutable_grad(), at::Tensor());
  return gradient.defined() ? gradient : torch::zeros_like(parameter);
}

}  // namespace

/// One step of the optimizer: its tensors are the batch norms' statistics, which come first, and the gradients, from
/// the last layer to the first, as the backward pass gives them.
class MicroBatches::Step {
 public:
  Step(model::Classifier& classifier, const SumTree& tree, MicroRange own, BackgroundReduction& reduction)
      : classifier_(classifier),
        sum_(tree, own),
        reduction_(reduction),
        waiting_(static_cast<std::size_t>(own.size())) {
    for (const at::Tensor& parameter : classifier.parameters()) {
      if (parameter.requires_grad()) parameters_.push_back(parameter);
    }
    std::reverse(parameters_.begin(), parameters_.end());
    make_buckets();
  }

  /// Lets a micro-batch's gradients be added to those of the same micro-batch of batches before.
  void begin_backward(std::size_t own) {
    if (waiting_[own].empty()) return;
    for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i].mutable_grad() = waiting_[own][i + 1];
  }

  /// Takes the gradients off the parameters; they wait for the next batch.
  void keep(std::size_t own, at::Tensor statistics) {
    Gradients& kept = waiting_[own];
    if (!kept.empty()) statistics.add_(kept.front());
    kept = {std::move(statistics)};
    for (const at::Tensor& parameter : parameters_) kept.push_back(taken_gradient(parameter));
  }

  /// Adds what waits to the sum.
  void add(std::size_t own) {
    begin_sum();
    Gradients kept = std::exchange(waiting_[own], {});
    for (std::size_t i = 0; i < kept.size(); ++i) set(i, std::move(kept[i]));
    end_sum();
  }

  /// The same while the backward pass runs: gradients leave as soon as they are there.
  void add_during_backward(std::size_t own, at::Tensor statistics, const std::function<void()>& backward) {
    if (!waiting_[own].empty()) statistics.add_(waiting_[own].front());
    begin_sum();
    set(0, std::move(statistics));
    std::vector<std::shared_ptr<torch::autograd::Node>> hooked;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      hooked.push_back(torch::autograd::impl::grad_accumulator(parameters_[i]));
      hooked.back()->add_post_hook(
          std::make_unique<GradientHook>([this, i] { set(i + 1, taken_gradient(parameters_[i])); }));
    }
    backward();
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (!is_set_[i + 1]) set(i + 1, taken_gradient(parameters_[i]));
    }
    waiting_[own].clear();
    end_sum();
  }

  /// Waits for the sums of all processes, and gives them to the parameters and norms.
  void finish() {
    reduction_.finish();
    for (Bucket& bucket : buckets_) spread(bucket);
    NormStatistics(classifier_).set_at_end(sums_.front());
    for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i].mutable_grad() = sums_[i + 1];
  }

 private:
  /// Tensors that are sent together.
  struct Bucket {
    std::vector<std::size_t> tensors;
    std::size_t missing = 0;
    at::Tensor together;  ///< the sums, where the tensors are several
  };

  void make_buckets() {
    buckets_.push_back({.tensors = {0}});
    std::int64_t bytes = kBucketBytes;  // the statistics are there long before the first gradient
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const auto size = static_cast<std::int64_t>(parameters_[i].nbytes());
      if (bytes + size > kBucketBytes || !is_like_before(i)) {
        buckets_.emplace_back();
        bytes = 0;
      }
      buckets_.back().tensors.push_back(i + 1);
      bytes += size;
    }
    sums_.resize(parameters_.size() + 1);
    bucket_of_.resize(sums_.size());
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
      for (const std::size_t tensor : buckets_[b].tensors) bucket_of_[tensor] = b;
    }
  }

  bool is_like_before(std::size_t i) const {
    return i == 0 || parameters_[i].scalar_type() == parameters_[i - 1].scalar_type();
  }

  void begin_sum() {
    sum_.begin(sums_.size());
    is_set_.assign(sums_.size(), false);
    is_last_ = sum_.is_at_last();
    next_bucket_ = 0;
    for (Bucket& bucket : buckets_) bucket.missing = bucket.tensors.size();
  }

  void end_sum() { sum_.end(); }

  void set(std::size_t tensor, at::Tensor gradient) {
    sum_.set(tensor, std::move(gradient));
    is_set_[tensor] = true;
    --buckets_[bucket_of_[tensor]].missing;
    // In one order in all processes, whichever gradients come first.
    while (is_last_ && next_bucket_ < buckets_.size() && buckets_[next_bucket_].missing == 0) {
      send(buckets_[next_bucket_++]);
    }
  }

  void send(Bucket& bucket) {
    std::vector<Gradients> parts;  // of each tensor
    for (const std::size_t tensor : bucket.tensors) {
      parts.push_back(sum_.parts(tensor));
      sums_[tensor] = parts.back().front();
    }
    if (parts.size() == 1) return reduction_.start(std::move(parts.front()));
    Gradients together;
    for (std::size_t node = 0; node < parts.front().size(); ++node) {
      std::vector<at::Tensor> pieces;
      for (const Gradients& tensor : parts) pieces.push_back(flat_of(tensor[node]));
      together.push_back(torch::cat(pieces));
    }
    bucket.together = together.front();
    reduction_.start(std::move(together));
  }

  void spread(Bucket& bucket) {
    if (!bucket.together.defined()) return;
    std::int64_t begin = 0;
    for (const std::size_t tensor : bucket.tensors) {
      const std::int64_t length = sums_[tensor].numel();
      flat_of(sums_[tensor]).copy_(bucket.together.narrow(0, begin, length));
      begin += length;
    }
    bucket.together.reset();
  }

  model::Classifier& classifier_;
  GradientSum sum_;
  BackgroundReduction& reduction_;
  std::vector<at::Tensor> parameters_;
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> bucket_of_;  ///< of each tensor
  std::vector<Gradients> waiting_;      ///< of each micro-batch of this process, of earlier batches of the step
  Gradients sums_;
  std::vector<bool> is_set_;
  bool is_last_ = false;
  std::size_t next_bucket_ = 0;
};

MicroBatches::MicroBatches(std::shared_ptr<model::Classifier> classifier, std::shared_ptr<collective::Group> group,
                           const MicroBatchOptions& options)
    : classifier_(std::move(classifier)),
      group_(std::move(group)),
      options_(options),
      tree_(*options.micro_batches),
      own_(micro_ranges(*options.micro_batches, group_->size()).at(static_cast<std::size_t>(group_->rank()))),
      reduction_(std::make_unique<BackgroundReduction>(tensor_reduction(group_, tree_, options.reduce))) {}

MicroBatches::~MicroBatches() = default;

void MicroBatches::run(const data::Batch& batch, std::int64_t batch_size, const DrawPosition& at, bool completes_step,
                       const Calls& calls) {
  if (!step_) step_ = std::make_unique<Step>(*classifier_, tree_, own_, *reduction_);
  const model::ThreadCount threads(*options_.micro_batch_threads);
  std::vector<MicroLoss> losses;
  const std::vector<data::Batch> parts = parts_of(batch, own_);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const model::DrawScope draws(draw_key(at, own_.begin + static_cast<std::int64_t>(i)), classifier_->device());
    const bool has_images = parts[i].size() >= kLeastImages;
    auto [loss, statistics] = forward(has_images ? &parts[i] : nullptr, calls);
    losses.push_back({has_images ? parts[i].size() : 0, has_images ? loss.item<double>() : 0.0});
    const bool is_last = i + 1 == parts.size();
    if (is_last) calls.check(gathered(losses));
    const auto backward = [&] {
      step_->begin_backward(i);
      if (!has_images) return;
      const double share = static_cast<double>(parts[i].size()) / static_cast<double>(batch_size);
      calls.scaled(share == 1 ? loss : loss * share).backward();
    };
    if (completes_step && is_last) {
      step_->add_during_backward(i, std::move(statistics), backward);
    } else {
      backward();
      step_->keep(i, std::move(statistics));
      if (completes_step) step_->add(i);
    }
  }
  if (completes_step) end_step();
}

MicroBatches::Forward MicroBatches::forward(const data::Batch* part, const Calls& calls) const {
  const NormStatistics norms(*classifier_);
  if (part == nullptr) return {.loss = {}, .statistics = norms.of_part(0)};
  at::Tensor loss = calls.forward(*part);
  return {.loss = std::move(loss), .statistics = norms.of_part(part->size())};
}

void MicroBatches::complete_step() {
  if (!step_) return;
  for (std::size_t i = 0; i < static_cast<std::size_t>(own_.size()); ++i) step_->add(i);
  end_step();
}

void MicroBatches::end_step() {
  step_->finish();
  step_.reset();
}

void MicroBatches::clear() { step_.reset(); }

std::vector<MicroLoss> MicroBatches::gathered(const std::vector<MicroLoss>& own) {
  std::string mine(own.size() * sizeof(MicroLoss), '\0');
  std::memcpy(mine.data(), own.data(), mine.size());
  std::vector<MicroLoss> all;
  for (const std::string& text : group_->gather(mine)) {
    const std::size_t begin = all.size();
    all.resize(begin + text.size() / sizeof(MicroLoss));
    std::memcpy(all.data() + begin, text.data(), text.size());
  }
  return all;
}

MicroLoss loss_of_batch(const std::vector<MicroLoss>& losses) {
  MicroLoss batch;
  for (const MicroLoss& each : losses) {
    batch.images += each.images;
    batch.loss += each.loss * static_cast<double>(each.images);
  }
  if (batch.images > 0) batch.loss /= static_cast<double>(batch.images);
  return batch;
}

}  // namespace margay::train
