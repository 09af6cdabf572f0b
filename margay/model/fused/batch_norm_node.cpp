#include "margay/model/fused/batch_norm_node.h"

#include <cmath>
#include <cstdint>

#include <torch/csrc/autograd/custom_function.h>
#include <torch/utils.h>

#include "margay/model/fused/channel_passes.h"

namespace margay::model::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::Tensor new_like(const torch::Tensor& x) { return torch::empty_like(x, x.options(), kChannelsLast); }

/// float [4,C], so that the graph can keep it.
torch::Tensor packed(const NormNumbers& numbers) {
  const auto row = [](const std::vector<float>& values) { return torch::tensor(values); };
  return torch::stack({row(numbers.mean), row(numbers.inverse_std), row(numbers.scale), row(numbers.shift)});
}

NormNumbers unpacked(const torch::Tensor& packed, double eps) {
  const auto row = [&](std::int64_t index) {
    const auto* begin = packed.data_ptr<float>() + index * packed.size(1);
    return std::vector<float>(begin, begin + packed.size(1));
  };
  return {row(0), row(1), row(2), row(3), eps};
}

torch::Tensor tensor_of(const std::vector<double>& channels, const std::vector<float>* factors = nullptr) {
  torch::Tensor tensor = torch::empty({static_cast<std::int64_t>(channels.size())}, torch::kFloat);
  auto* values = tensor.data_ptr<float>();
  for (std::size_t c = 0; c < channels.size(); ++c) {
    values[c] = static_cast<float>(channels[c] * (factors == nullptr ? 1 : static_cast<double>((*factors)[c])));
  }
  return tensor;
}

/// Ioffe, Szegedy, "Batch Normalization", arXiv:1502.03167, section 3, with both sums put into one line a channel:
/// dx = scale (g - Σg / n - (x - mean) / std² · Σ g (x - mean) / n).
GradientScaling gradient_scaling(const ChannelPair& sums, const NormNumbers& numbers, double n) {
  GradientScaling line{numbers.scale, numbers.scale, numbers.scale};
  for (std::size_t c = 0; c < numbers.scale.size(); ++c) {
    const auto scale = static_cast<double>(numbers.scale[c]);
    const auto inverse_std = static_cast<double>(numbers.inverse_std[c]);
    line.slope[c] = static_cast<float>(-scale * inverse_std * inverse_std * sums.second[c] / n);
    line.shift[c] = static_cast<float>(-scale * sums.first[c] / n);
  }
  return line;
}

class BatchNormFunction : public torch::autograd::Function<BatchNormFunction> {
 public:
  /// residual: one tensor or none.
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& /*bias*/, at::TensorList residual, const NormNumbers& numbers,
                               Kept kept) {
    torch::Tensor y = new_like(x);
    normalise(x, residual.empty() ? torch::Tensor() : residual.front(), numbers.scaling(), kept, y);
    const bool is_masked_by_y = !residual.empty() && kept == Kept::kPositive;  // else x itself tells what was kept
    context->save_for_backward({x, weight, packed(numbers), is_masked_by_y ? y : torch::Tensor()});
    context->saved_data[kEps] = numbers.eps;
    context->saved_data[kResidual] = !residual.empty();
    context->saved_data[kRectified] = kept == Kept::kPositive;
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& output_gradients) {
    const variable_list saved = context->get_saved_variables();
    const bool has_residual = context->saved_data[kResidual].toBool();
    const Kept kept = context->saved_data[kRectified].toBool() ? Kept::kPositive : Kept::kAll;
    const torch::Tensor& gradient = output_gradients.front();
    const NormNumbers numbers = unpacked(saved[2], context->saved_data[kEps].toDouble());
    variable_list gradients = torch::GradMode::is_enabled() ? differentiable(saved, numbers, gradient, kept)
                                                            : fast(saved, numbers, gradient.contiguous(kChannelsLast),
                                                                   kept, context->needs_input_grad(kX));
    if (!has_residual) gradients.pop_back();
    gradients.insert(gradients.end(), 2, torch::Tensor());  // numbers, kept
    return gradients;
  }

 private:
  static constexpr const char* kEps = "eps";
  static constexpr const char* kResidual = "residual";
  static constexpr const char* kRectified = "rectified";
  static constexpr std::size_t kX = 0;

  /// Of x, weight, bias and residual.
  static variable_list fast(const variable_list& saved, const NormNumbers& numbers, const torch::Tensor& gradient,
                            Kept kept, bool x_needs_it) {
    const torch::Tensor& x = saved[0];
    const torch::Tensor& y = saved[3];
    torch::Tensor kept_gradient = gradient;
    ChannelPair sums;
    if (y.defined()) {
      kept_gradient = new_like(gradient);
      sums = masked_gradient_sums(gradient, x, y, numbers.mean, kept_gradient);
      kept = Kept::kAll;
    } else {
      sums = gradient_sums(gradient, x, numbers.scaling(), kept, numbers.mean);
    }
    torch::Tensor x_gradient;
    if (x_needs_it) {
      x_gradient = new_like(x);
      const auto n = static_cast<double>(x.numel() / x.size(1));
      write_gradient(kept_gradient, x, numbers.scaling(), kept, gradient_scaling(sums, numbers, n), numbers.mean,
                     x_gradient);
    }
    return {x_gradient, tensor_of(sums.second, &numbers.inverse_std), tensor_of(sums.first), kept_gradient};
  }

  /// The same by LibTorch's operators, for gradients of these.
  static variable_list differentiable(const variable_list& saved, const NormNumbers& numbers,
                                      const torch::Tensor& gradient, Kept kept) {
    const torch::Tensor& x = saved[0];
    const torch::Tensor& weight = saved[1];
    const auto channels = [&](const std::vector<float>& values) { return torch::tensor(values).view({1, -1, 1, 1}); };
    torch::Tensor kept_gradient = gradient;
    if (kept == Kept::kPositive) {
      const torch::Tensor y = saved[3].defined() ? saved[3] : x * channels(numbers.scale) + channels(numbers.shift);
      kept_gradient = gradient.masked_fill(y.detach() <= 0, 0);
    }
    const std::vector<std::int64_t> others{0, 2, 3};
    const torch::Tensor g = kept_gradient.to(torch::kFloat);
    const torch::Tensor wide = x.to(torch::kFloat);
    const torch::Tensor distance = wide - wide.mean(others, true);
    const torch::Tensor inverse_std = (distance.square().mean(others, true) + numbers.eps).rsqrt();
    const torch::Tensor normal = distance * inverse_std;
    const torch::Tensor weight_gradient = (g * normal).sum(others);
    const torch::Tensor x_gradient = (g - g.mean(others, true) - normal * (g * normal).mean(others, true)) *
                                     inverse_std * weight.view({1, -1, 1, 1});
    return {x_gradient.to(x.scalar_type()), weight_gradient, g.sum(others), kept_gradient};
  }
};

}  // namespace

NormNumbers norm_numbers(const ChannelPair& moments, const torch::Tensor& weight, const torch::Tensor& bias,
                         double eps) {
  const std::size_t count = moments.first.size();
  NormNumbers numbers{std::vector<float>(count), std::vector<float>(count), std::vector<float>(count),
                      std::vector<float>(count), eps};
  const auto* weights = weight.data_ptr<float>();
  const auto* biases = bias.data_ptr<float>();
  for (std::size_t c = 0; c < count; ++c) {
    const double inverse_std = 1 / std::sqrt(moments.second[c] + eps);
    const double scale = static_cast<double>(weights[c]) * inverse_std;
    numbers.mean[c] = static_cast<float>(moments.first[c]);
    numbers.inverse_std[c] = static_cast<float>(inverse_std);
    numbers.scale[c] = static_cast<float>(scale);
    numbers.shift[c] = static_cast<float>(static_cast<double>(biases[c]) - moments.first[c] * scale);
  }
  return numbers;
}

torch::Tensor normalise_in_graph(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                                 const torch::Tensor& residual, const NormNumbers& numbers, Kept kept) {
  const at::TensorList residuals = residual.defined() ? at::TensorList(residual) : at::TensorList();
  return BatchNormFunction::apply(x, weight, bias, residuals, numbers, kept);
}

}  // namespace margay::model::fused
