#include "margay/train/micro_batch/gradient_step.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/train/micro_batch/norm_statistics.h"

namespace margay::train {
namespace {

/// Tensors are sent together up to this size; one that is larger is sent where it lies.
constexpr std::int64_t kBucketBytes = std::int64_t{8} << 20U;

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

/// A parameter with such a hook, while this lives.
class HookedParameter {
 public:
  HookedParameter(const at::Tensor& parameter, std::function<void()> call)
      : node_(torch::autograd::impl::grad_accumulator(parameter)),
        key_(node_->add_post_hook(std::make_unique<GradientHook>(std::move(call)))) {}
  HookedParameter(const HookedParameter&) = delete;
  HookedParameter& operator=(const HookedParameter&) = delete;
  HookedParameter(HookedParameter&& other) noexcept : node_(std::move(other.node_)), key_(other.key_) {}
  HookedParameter& operator=(HookedParameter&&) = delete;
  ~HookedParameter() {
    if (node_) node_->del_post_hook(key_);
  }

 private:
  std::shared_ptr<torch::autograd::Node> node_;
  std::uintptr_t key_;
};

at::Tensor flat_of(const at::Tensor& dense) { return dense.as_strided({dense.numel()}, {1}); }

/// Takes the gradient from the parameter; zeros where the network did not use it.
at::Tensor taken_gradient(const at::Tensor& parameter) {
  at::Tensor gradient = std::exchange(parameter.mutable_grad(), at::Tensor());
  return gradient.defined() ? gradient : torch::zeros_like(parameter);
}

/// Those that are trained, the last layer's first.
std::vector<at::Tensor> trained_parameters(const model::Classifier& network) {
  std::vector<at::Tensor> parameters;
  for (const at::Tensor& parameter : network.parameters()) {
    if (parameter.requires_grad()) parameters.push_back(parameter);
  }
  std::reverse(parameters.begin(), parameters.end());
  return parameters;
}

std::vector<std::vector<at::Tensor>> parameters_of(const std::vector<model::Classifier*>& lanes) {
  std::vector<std::vector<at::Tensor>> parameters;
  for (const model::Classifier* network : lanes) parameters.push_back(trained_parameters(*network));
  return parameters;
}

}  // namespace

GradientStep::GradientStep(std::vector<model::Classifier*> lanes, const SumTree& tree, MicroRange own,
                           BackgroundReduction& reduction)
    : lanes_(std::move(lanes)),
      parameters_(parameters_of(lanes_)),
      reduction_(reduction),
      waiting_(static_cast<std::size_t>(own.size())),
      sums_(parameters_.front().size() + 1),
      sum_(tree, own, sums_.size()),
      of_group_(sums_.size()) {
  make_buckets();
}

void GradientStep::make_buckets() {
  buckets_.push_back({.tensors = {0}});
  std::int64_t bytes = kBucketBytes;  // the statistics are there long before the first gradient
  const std::vector<at::Tensor>& parameters = parameters_.front();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto size = static_cast<std::int64_t>(parameters[i].nbytes());
    const bool is_alike = i > 0 && parameters[i].scalar_type() == parameters[i - 1].scalar_type();
    if (bytes + size > kBucketBytes || !is_alike) {
      buckets_.emplace_back();
      bytes = 0;
    }
    buckets_.back().tensors.push_back(i + 1);
    bytes += size;
  }
  bucket_of_.resize(sums_.size());
  for (std::size_t b = 0; b < buckets_.size(); ++b) {
    buckets_[b].missing = buckets_[b].tensors.size();
    for (const std::size_t tensor : buckets_[b].tensors) bucket_of_[tensor] = b;
  }
}

void GradientStep::put_waiting(std::size_t lane, std::size_t micro_batch) {
  const std::vector<at::Tensor>& waiting = waiting_[micro_batch];
  if (waiting.empty()) return;
  for (std::size_t i = 0; i + 1 < waiting.size(); ++i) parameters_[lane][i].mutable_grad() = waiting[i + 1];
}

void GradientStep::accumulate(std::size_t lane, std::size_t micro_batch, at::Tensor statistics,
                              const std::function<void()>& backward) {
  put_waiting(lane, micro_batch);
  backward();
  std::vector<at::Tensor>& waiting = waiting_[micro_batch];
  if (!waiting.empty()) statistics.add_(waiting.front());
  waiting = {std::move(statistics)};
  for (const at::Tensor& parameter : parameters_[lane]) waiting.push_back(taken_gradient(parameter));
}

void GradientStep::begin_group(std::size_t first_micro_batch, std::size_t lanes) {
  first_of_group_ = first_micro_batch;
  group_size_ = lanes;
  for (std::vector<at::Tensor>& each : of_group_) each.assign(lanes, at::Tensor());
}

void GradientStep::complete(std::size_t lane, at::Tensor statistics, const std::function<void()>& backward) {
  const std::size_t micro_batch = first_of_group_ + lane;
  put_waiting(lane, micro_batch);
  if (!waiting_[micro_batch].empty()) statistics.add_(waiting_[micro_batch].front());
  arrived(lane, 0, std::move(statistics));
  const std::vector<at::Tensor>& parameters = parameters_[lane];
  std::vector<bool> has_come(parameters.size());
  std::vector<HookedParameter> hooked;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    hooked.emplace_back(parameters[i], [&, i] {
      has_come[i] = true;
      arrived(lane, i + 1, taken_gradient(parameters[i]));
    });
  }
  backward();
  hooked.clear();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!has_come[i]) arrived(lane, i + 1, taken_gradient(parameters[i]));
  }
}

void GradientStep::complete_waiting() {
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    begin_group(i, 1);
    for (std::size_t tensor = 0; tensor < sums_.size(); ++tensor) arrived(0, tensor, std::move(waiting_[i][tensor]));
  }
}

/// Tensors of one group are added in the order of micro-batches, whichever lane was first.
void GradientStep::arrived(std::size_t lane, std::size_t tensor, at::Tensor value) {
  const std::lock_guard lock(changing_);
  std::vector<at::Tensor>& all = of_group_[tensor];
  all[lane] = std::move(value);
  if (!std::all_of(all.begin(), all.end(), [](const at::Tensor& each) { return each.defined(); })) return;
  for (at::Tensor& each : all) sum_.add(tensor, std::exchange(each, at::Tensor()));
  if (!sum_.has_all(tensor)) return;
  --buckets_[bucket_of_[tensor]].missing;
  send_ready();
}

/// In one order in all processes, whichever gradients come first.
void GradientStep::send_ready() {
  while (next_bucket_ < buckets_.size() && buckets_[next_bucket_].missing == 0) send(buckets_[next_bucket_++]);
}

void GradientStep::send(Bucket& bucket) {
  const torch::NoGradGuard no_grad;
  std::vector<std::vector<at::Tensor>> parts;  // of each tensor
  for (const std::size_t tensor : bucket.tensors) {
    parts.push_back(sum_.parts(tensor));
    sums_[tensor] = parts.back().front();
  }
  if (parts.size() == 1) return reduction_.start(std::move(parts.front()));
  std::vector<at::Tensor> together;
  for (std::size_t node = 0; node < parts.front().size(); ++node) {
    std::vector<at::Tensor> pieces;
    for (const std::vector<at::Tensor>& tensor : parts) pieces.push_back(flat_of(tensor[node]));
    together.push_back(torch::cat(pieces));
  }
  bucket.together = together.front();
  reduction_.start(std::move(together));
}

void GradientStep::spread(Bucket& bucket) {
  if (!bucket.together.defined()) return;
  std::int64_t begin = 0;
  for (const std::size_t tensor : bucket.tensors) {
    const std::int64_t length = sums_[tensor].numel();
    flat_of(sums_[tensor]).copy_(bucket.together.narrow(0, begin, length));
    begin += length;
  }
  bucket.together.reset();
}

void GradientStep::finish() {
  reduction_.finish();
  const torch::NoGradGuard no_grad;
  for (Bucket& bucket : buckets_) spread(bucket);
  NormStatistics(*lanes_.front()).set_at_end(sums_.front());
  for (std::size_t i = 0; i < parameters_.front().size(); ++i) {
    parameters_.front()[i].mutable_grad() = sums_[i + 1];
  }
}

}  // namespace margay::train
