#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/export/onnx_model.h"

namespace margay::testing_support {

/// Computes an ONNX model node by node as the operators' specification says
/// (github.com/onnx/onnx/blob/main/docs/Operators.md), for the operators that Margay writes. What real runtimes say is
/// for `./test --all`.
class OnnxInterpreter {
 public:
  using Values = std::map<std::string, torch::Tensor>;

  explicit OnnxInterpreter(const exporting::OnnxModel& model) : model_(model) {}

  /// All outputs for the inputs.
  Values run(Values inputs) {
    values_ = std::move(inputs);
    for (const exporting::OnnxTensor& tensor : model_.tensors) values_[tensor.name] = constant(tensor);
    for (const exporting::OnnxNode& node : model_.nodes) {
      node_ = &node;
      const std::vector<torch::Tensor> results = compute();
      for (std::size_t i = 0; i < node.outputs.size(); ++i) values_[node.outputs[i]] = results.at(i);
    }
    Values outputs;
    for (const exporting::OnnxValue& output : model_.outputs) outputs[output.name] = values_.at(output.name);
    return outputs;
  }

 private:
  using Sides = std::vector<std::int64_t>;

  static torch::Tensor constant(const exporting::OnnxTensor& tensor) {
    torch::Tensor result = torch::empty(tensor.shape, type_of(tensor.type));
    const std::string bytes = tensor.elements();
    if (bytes.size() != result.nbytes()) throw std::invalid_argument(tensor.name + " has another size");
    std::memcpy(result.data_ptr(), bytes.data(), bytes.size());
    return result;
  }

  static torch::ScalarType type_of(exporting::OnnxType type) {
    using enum exporting::OnnxType;
    if (type == kFloat) return torch::kFloat;
    if (type == kUint8) return torch::kByte;
    if (type == kInt8) return torch::kChar;
    if (type == kInt32) return torch::kInt;
    if (type == kInt64) return torch::kLong;
    throw std::invalid_argument("a type that Margay does not write");
  }

  const torch::Tensor& in(std::size_t i) const { return values_.at(node_->inputs.at(i)); }
  bool has(std::size_t i) const { return i < node_->inputs.size() && !node_->inputs[i].empty(); }
  Sides integers_of(std::size_t i) const {
    const torch::Tensor list = in(i).contiguous().view({-1});
    return {list.data_ptr<std::int64_t>(), list.data_ptr<std::int64_t>() + list.numel()};
  }
  template <class T>
  T attribute(const std::string& name, T otherwise) const {
    for (const exporting::OnnxAttribute& each : node_->attributes) {
      if (each.name == name) return std::get<T>(each.value);
    }
    return otherwise;
  }
  std::int64_t integer(const std::string& name, std::int64_t otherwise) const { return attribute(name, otherwise); }
  Sides sides(const std::string& name, Sides otherwise = {}) const { return attribute(name, std::move(otherwise)); }

  std::vector<torch::Tensor> compute() {
    if (node_->op == "TopK") {
      auto [best, rows] = in(0).topk(integers_of(1)[0], integer("axis", -1));
      return {best, rows};
    }
    return {single()};
  }

  torch::Tensor single() {
    const std::string& op = node_->op;
    if (const auto found = unary().find(op); found != unary().end()) return found->second(in(0));
    if (const auto found = binary().find(op); found != binary().end()) return folded(found->second);
    if (op.starts_with("Reduce")) return reduced();
    if (op == "Conv") return convolution();
    if (op == "MaxPool" || op == "AveragePool") return pooled();
    if (op == "Resize") return resized();
    if (op == "Gemm") return has(2) ? torch::addmm(in(2), in(0), in(1).t()) : in(0).matmul(in(1).t());
    if (op == "BatchNormalization") {
      return torch::batch_norm(in(0), in(1), in(2), in(3), in(4), false, 0, attribute("epsilon", 1e-5F), false);
    }
    if (op == "LayerNormalization") {
      return torch::layer_norm(in(0), in(1).sizes(), in(1), in(2), attribute("epsilon", 1e-5F));
    }
    if (op == "HardSigmoid") return (in(0) * attribute("alpha", 0.2F) + attribute("beta", 0.5F)).clamp(0, 1);
    if (op == "Clip") return torch::minimum(torch::maximum(in(0), in(1)), in(2));
    if (op == "Softmax") return in(0).softmax(integer("axis", -1));
    if (op == "Cast") return in(0).to(type_of(static_cast<exporting::OnnxType>(integer("to", 0))));
    if (op == "Where") return torch::where(in(0), in(1), in(2));
    if (op == "QuantizeLinear") return ((in(0) / in(1)).round() + in(2)).clamp(0, 255).to(torch::kByte);
    if (op == "DequantizeLinear") return dequantised();
    if (op == "MatMulInteger") return in(0).to(torch::kDouble).matmul(in(1).to(torch::kDouble)).to(torch::kInt);
    return moved();
  }

  using Unary = std::map<std::string, std::function<torch::Tensor(const torch::Tensor&)>>;
  static const Unary& unary() {
    using T = const torch::Tensor&;
    static const Unary table = {{"Relu", [](T x) { return x.relu(); }},
                                {"Sigmoid", [](T x) { return x.sigmoid(); }},
                                {"Erf", [](T x) { return x.erf(); }},
                                {"Tanh", [](T x) { return x.tanh(); }},
                                {"HardSwish", [](T x) { return x * (x / 6 + 0.5).clamp(0, 1); }},
                                {"Softplus", [](T x) { return torch::softplus(x); }},
                                {"Neg", [](T x) { return -x; }},
                                {"Abs", [](T x) { return x.abs(); }},
                                {"Sqrt", [](T x) { return x.sqrt(); }},
                                {"Exp", [](T x) { return x.exp(); }},
                                {"Log", [](T x) { return x.log(); }},
                                {"Floor", [](T x) { return x.floor(); }},
                                {"Identity", [](T x) { return x; }},
                                {"Shape", [](T x) { return torch::tensor(x.sizes().vec(), torch::kLong); }},
                                {"GlobalAveragePool",
                                 [](T x) {
                                   return x.mean({2, 3}, true);
                                 }},
                                {"GlobalMaxPool", [](T x) {
                                   return x.amax({2, 3}, true);
                                 }}};
    return table;
  }

  using Binary = std::map<std::string, std::function<torch::Tensor(const torch::Tensor&, const torch::Tensor&)>>;
  static const Binary& binary() {
    using T = const torch::Tensor&;
    static const Binary table = {{"Add", [](T a, T b) { return a + b; }},
                                 {"Sub", [](T a, T b) { return a - b; }},
                                 {"Mul", [](T a, T b) { return a * b; }},
                                 {"Div", [](T a, T b) { return a.is_floating_point() ? a / b : a.div(b, "trunc"); }},
                                 {"Mod", [](T a, T b) { return a.remainder(b); }},
                                 {"Min", [](T a, T b) { return torch::minimum(a, b); }},
                                 {"Max", [](T a, T b) { return torch::maximum(a, b); }},
                                 {"MatMul", [](T a, T b) { return a.matmul(b); }},
                                 {"Equal", [](T a, T b) { return a == b; }},
                                 {"Less", [](T a, T b) { return a < b; }},
                                 {"And", [](T a, T b) { return a.logical_and(b); }},
                                 {"GreaterOrEqual", [](T a, T b) { return a >= b; }}};
    return table;
  }

  /// One scale for all, or one for each place along an axis.
  torch::Tensor dequantised() const {
    Sides shape(static_cast<std::size_t>(in(0).dim()), 1);
    if (in(1).dim() == 1) shape.at(static_cast<std::size_t>(integer("axis", 1))) = in(1).size(0);
    const torch::Tensor offset = has(2) ? in(2).to(torch::kFloat).reshape(shape) : torch::zeros(shape);
    return (in(0).to(torch::kFloat) - offset) * in(1).reshape(shape);
  }

  torch::Tensor folded(const Binary::mapped_type& operation) const {
    torch::Tensor result = in(0);
    for (std::size_t i = 1; i < node_->inputs.size(); ++i) result = operation(result, in(i));
    return result;
  }

  torch::Tensor reduced() const {
    const Sides axes = has(1) ? integers_of(1) : sides("axes");
    const bool keeps = integer("keepdims", 1) != 0;
    if (node_->op == "ReduceMean") return in(0).mean(axes, keeps);
    if (node_->op == "ReduceSum") return in(0).sum(axes, keeps, in(0).scalar_type());
    if (node_->op == "ReduceProd") return in(0).prod(axes.at(0), keeps);
    if (node_->op == "ReduceMax") return in(0).amax(axes, keeps);
    if (node_->op == "ReduceMin") return in(0).amin(axes, keeps);
    if (node_->op == "ReduceLogSumExp") return in(0).logsumexp(axes, keeps);
    throw std::invalid_argument(node_->op);
  }

  torch::Tensor convolution() const {
    const Sides pads = sides("pads");
    if (pads[0] != pads[2] || pads[1] != pads[3]) throw std::invalid_argument("pads differ");
    return torch::conv2d(in(0), in(1), has(2) ? in(2) : torch::Tensor(), sides("strides"), Sides{pads[0], pads[1]},
                         sides("dilations"), integer("group", 1));
  }

  /// By shifted sums over a padded image, so that no rounding rule of LibTorch's comes in.
  torch::Tensor pooled() const {
    const Sides kernel = sides("kernel_shape");
    const Sides strides = sides("strides");
    const Sides pads = sides("pads", {0, 0, 0, 0});
    const bool is_maximum = node_->op == "MaxPool";
    const Sides around = {pads[1], pads[3], pads[0], pads[2]};
    const auto windows = [&](const torch::Tensor& x, double fill) {
      const torch::Tensor padded = at::constant_pad_nd(x, around, fill);
      return padded.unfold(2, kernel[0], strides[0]).unfold(3, kernel[1], strides[1]);
    };
    if (is_maximum) return windows(in(0), -std::numeric_limits<double>::infinity()).amax({4, 5});
    const torch::Tensor sums = windows(in(0), 0).sum({4, 5});
    if (integer("count_include_pad", 0) != 0) return sums / static_cast<double>(kernel[0] * kernel[1]);
    return sums / windows(torch::ones_like(in(0)), 0).sum({4, 5});
  }

  /// half_pixel, linear.
  torch::Tensor resized() const {
    Sides target;
    std::optional<double> scale;
    if (has(2)) {
      scale = in(2)[2].item<float>();
      for (const std::int64_t i : {2, 3}) {
        target.push_back(static_cast<std::int64_t>(std::floor(static_cast<double>(in(0).size(i)) * *scale)));
      }
    } else {
      target = {integers_of(3)[2], integers_of(3)[3]};
    }
    return scale ? at::upsample_bilinear2d(in(0), target, /*align_corners=*/false, *scale, *scale)
                 : at::upsample_bilinear2d(in(0), target, /*align_corners=*/false);
  }

  /// Operators that only move elements.
  torch::Tensor moved() const {
    const std::string& op = node_->op;
    if (op == "Reshape") return reshaped();
    if (op == "Flatten") return in(0).flatten(integer("axis", 1));
    if (op == "Transpose") return in(0).permute(sides("perm"));
    if (op == "Squeeze") return has(1) ? in(0).squeeze(integers_of(1)[0]) : in(0).squeeze();
    if (op == "Unsqueeze") return unsqueezed();
    if (op == "Expand") return expanded();
    if (op == "Range") return torch::arange(in(0).item<std::int64_t>(), in(1).item<std::int64_t>(), torch::kLong);
    if (op == "Concat") {
      std::vector<torch::Tensor> parts;
      for (std::size_t i = 0; i < node_->inputs.size(); ++i) parts.push_back(in(i));
      return torch::cat(parts, integer("axis", 0));
    }
    if (op == "Gather") return gathered();
    if (op == "Slice") return sliced();
    if (op == "Pad") return padded();
    throw std::invalid_argument("no operator of these tests: " + op);
  }

  /// 0 keeps a side.
  torch::Tensor reshaped() const {
    Sides target = integers_of(1);
    for (std::size_t i = 0; i < target.size(); ++i) {
      if (target[i] == 0) target[i] = in(0).size(static_cast<std::int64_t>(i));
    }
    return in(0).reshape(target);
  }

  /// At places of the result, from 0 on, in order.
  torch::Tensor unsqueezed() const {
    torch::Tensor result = in(0);
    for (const std::int64_t at : integers_of(1)) result = result.unsqueeze(at);
    return result;
  }

  torch::Tensor expanded() const {
    const Sides target = integers_of(1);
    return in(0) * torch::ones(target, in(0).options());
  }

  torch::Tensor gathered() const {
    const std::int64_t axis = integer("axis", 0);
    const torch::Tensor& rows = in(1);
    Sides shape = in(0).sizes().vec();
    shape.erase(shape.begin() + axis);
    const Sides places = rows.sizes().vec();
    shape.insert(shape.begin() + axis, places.begin(), places.end());
    return in(0).index_select(axis, rows.reshape({-1})).reshape(shape);
  }

  torch::Tensor sliced() const {
    const Sides starts = integers_of(1);
    const Sides ends = integers_of(2);
    const Sides axes = integers_of(3);
    torch::Tensor result = in(0);
    for (std::size_t i = 0; i < axes.size(); ++i) result = result.slice(axes[i], starts[i], ends[i]);
    return result;
  }

  torch::Tensor padded() const {
    const Sides pads = integers_of(1);
    const std::size_t rank = pads.size() / 2;
    Sides last_first;
    for (std::size_t i = rank; i-- > 0;) last_first.insert(last_first.end(), {pads[i], pads[rank + i]});
    return at::constant_pad_nd(in(0), last_first, 0);
  }

  const exporting::OnnxModel& model_;
  Values values_;
  const exporting::OnnxNode* node_ = nullptr;
};

}  // namespace margay::testing_support
