#include "margay/model/fused/synced_batch_norm.h"

#include <cstddef>
#include <utility>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>
#include <torch/utils.h>

namespace margay::model {
namespace {

thread_local std::shared_ptr<const SumOverProcesses> current_sum;

/// For the graph, whose backward pass a GPU runs on another thread.
struct SumHolder : public torch::CustomClassHolder {
  explicit SumHolder(std::shared_ptr<const SumOverProcesses> the_sum) : sum(std::move(the_sum)) {}
  std::shared_ptr<const SumOverProcesses> sum;
};

/// All but the channels.
std::vector<std::int64_t> other_dimensions(const torch::Tensor& x) {
  std::vector<std::int64_t> dimensions = {0};
  for (std::int64_t d = 2; d < x.dim(); ++d) dimensions.push_back(d);
  return dimensions;
}

/// [C] as [1,C,1,…].
torch::Tensor along(const torch::Tensor& channels, const torch::Tensor& x) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[1] = channels.numel();
  return channels.to(torch::kFloat).reshape(shape);
}

/// Their sums over all processes, float64. tensors: [C] each.
std::vector<torch::Tensor> summed(const std::vector<torch::Tensor>& tensors, const SumOverProcesses& sum) {
  const torch::Device device = tensors.front().device();
  const torch::Tensor all = torch::cat(tensors).to(torch::kCPU, torch::kDouble).contiguous();
  sum({all.data_ptr<double>(), static_cast<std::size_t>(all.numel())});
  std::vector<std::int64_t> lengths;
  for (const torch::Tensor& each : tensors) lengths.push_back(each.numel());
  return all.to(device).split_with_sizes(lengths);
}

torch::Tensor channel_sum(const torch::Tensor& x) { return x.sum(other_dimensions(x), false, torch::kDouble); }

/// Of all processes' images, float64 [C].
struct Moments {
  torch::Tensor mean;
  torch::Tensor variance;  ///< biased
  double count = 0;        ///< numbers of a channel
};

/// The squares are those of the distances to the mean, so that large means cost no digits.
Moments moments_of(const torch::Tensor& x, const SumOverProcesses& sum) {
  const torch::Tensor count = torch::full({1}, static_cast<double>(x.numel() / x.size(1)),
                                          torch::TensorOptions().dtype(torch::kDouble).device(x.device()));
  const std::vector<torch::Tensor> sums = summed({channel_sum(x), count}, sum);
  Moments moments{.count = sums[1].item<double>()};
  moments.mean = sums[0] / moments.count;
  const torch::Tensor distances = x - along(moments.mean, x);
  moments.variance = summed({channel_sum(distances * distances)}, sum).front() / moments.count;
  return moments;
}

/// y = weight (x - mean) / sqrt(variance + eps) + bias, and its gradient by Ioffe, Szegedy, "Batch Normalization",
/// 2015, section 3, with means over the images of all processes.
class SyncedNormFunction : public torch::autograd::Function<SyncedNormFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias, const torch::Tensor& mean,
                               const torch::Tensor& scale, double count, const c10::intrusive_ptr<SumHolder>& holder) {
    context->save_for_backward({x, weight, mean, scale});
    context->saved_data["count"] = count;
    context->saved_data["sum"] = c10::IValue::make_capsule(holder);
    const torch::Tensor normalised = (x.to(torch::kFloat) - along(mean, x)) * along(scale, x);
    return (normalised * along(weight, x) + along(bias, x)).to(x.scalar_type());
  }

  static std::vector<torch::Tensor> backward(torch::autograd::AutogradContext* context,
                                             const std::vector<torch::Tensor>& output_gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor& x = saved[0];
    const torch::Tensor& scale = saved[3];
    const auto holder = context->saved_data["sum"].toCapsule();
    const SumOverProcesses& sum = *static_cast<const SumHolder&>(*holder).sum;
    const double count = context->saved_data["count"].toDouble();
    const torch::Tensor gradient = output_gradients.front().to(torch::kFloat);
    const torch::Tensor normalised = (x.to(torch::kFloat) - along(saved[2], x)) * along(scale, x);
    const torch::Tensor of_bias = channel_sum(gradient);
    const torch::Tensor of_weight = channel_sum(gradient * normalised);
    const std::vector<torch::Tensor> means = summed({of_bias / count, of_weight / count}, sum);
    const torch::Tensor of_x = (gradient - along(means[0], x) - normalised * along(means[1], x)) *
                               along(scale * saved[1].to(torch::kDouble), x);
    const auto as_weight = [&](const torch::Tensor& channels) { return channels.to(saved[1].scalar_type()); };
    return {of_x.to(x.scalar_type()), as_weight(of_weight), as_weight(of_bias), {}, {}, {}, {}};
  }
};

template <class Norm>
torch::Tensor synced(const torch::Tensor& x, Norm& norm) {
  const auto holder = c10::make_intrusive<SumHolder>(current_sum);
  Moments moments;
  {
    const torch::NoGradGuard no_grad;
    moments = moments_of(x.detach().to(torch::kFloat), *holder->sum);
    if (norm.running_mean.defined()) {
      norm.num_batches_tracked += 1;
      const auto given = norm.options.momentum();
      const double momentum =
          given ? *given : 1.0 / static_cast<double>(norm.num_batches_tracked.template item<std::int64_t>());
      const double unbiased = moments.count / (moments.count - 1);
      norm.running_mean.mul_(1 - momentum).add_(moments.mean.to(torch::kFloat), momentum);
      norm.running_var.mul_(1 - momentum).add_((moments.variance * unbiased).to(torch::kFloat), momentum);
    }
  }
  const torch::Tensor scale = (moments.variance + norm.options.eps()).rsqrt();
  const torch::Tensor weight = norm.weight.defined() ? norm.weight : torch::ones_like(moments.mean, torch::kFloat);
  const torch::Tensor bias = norm.bias.defined() ? norm.bias : torch::zeros_like(moments.mean, torch::kFloat);
  return SyncedNormFunction::apply(x, weight, bias, moments.mean, scale, moments.count, holder);
}

}  // namespace

SyncedNorms::SyncedNorms(SumOverProcesses sum)
    : SyncedNorms(std::make_shared<const SumOverProcesses>(std::move(sum))) {}

SyncedNorms::SyncedNorms(std::shared_ptr<const SumOverProcesses> sum)
    : before_(std::exchange(current_sum, std::move(sum))) {}

SyncedNorms::~SyncedNorms() { current_sum = std::move(before_); }

bool has_synced_norms() { return current_sum != nullptr; }

std::shared_ptr<const SumOverProcesses> synced_sum() { return current_sum; }

torch::Tensor synced_batch_norm(const torch::Tensor& x, torch::nn::BatchNorm2dImpl& norm) { return synced(x, norm); }
torch::Tensor synced_batch_norm(const torch::Tensor& x, torch::nn::BatchNorm1dImpl& norm) { return synced(x, norm); }

torch::Tensor SyncedNorm1dImpl::forward(const torch::Tensor& x) {
  if (is_training() && has_synced_norms()) return synced_batch_norm(x, *this);
  return torch::nn::BatchNorm1dImpl::forward(x);
}

torch::Tensor SyncedNorm2dImpl::forward(const torch::Tensor& x) {
  if (is_training() && has_synced_norms()) return synced_batch_norm(x, *this);
  return torch::nn::BatchNorm2dImpl::forward(x);
}

}  // namespace margay::model
