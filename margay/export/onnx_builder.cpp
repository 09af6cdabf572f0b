#include "margay/export/onnx_builder.h"

#include <array>
#include <cstring>
#include <span>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::exporting {

std::string OnnxBuilder::unique(const std::string& name) {
  const int times = ++names_[name];
  return times == 1 ? name : unique(fmt::format("{}_{}", name, times));
}

std::string OnnxBuilder::add(std::string op, Names inputs, const std::string& name, Attributes attributes) {
  std::string output = unique(name);
  model_.nodes.push_back({std::move(op), output, std::move(inputs), {output}, std::move(attributes)});
  return output;
}

std::string OnnxBuilder::reduce(const std::string& op, const std::string& x, std::vector<std::int64_t> dimensions,
                                const std::string& name, bool keeps_dimensions) {
  constexpr int kFirstWithInput = 18;
  const OnnxAttribute keep = {"keepdims", std::int64_t{keeps_dimensions ? 1 : 0}};
  if (model_.opset >= kFirstWithInput) return add(op, {x, integers(dimensions)}, name, {keep});
  return add(op, {x}, name, {{"axes", std::move(dimensions)}, keep});
}

std::string OnnxBuilder::slice(const std::string& x, std::int64_t dimension, std::int64_t start, std::int64_t end,
                               const std::string& name) {
  return add("Slice", {x, integers({start}), integers({end}), integers({dimension})}, name);
}

std::string OnnxBuilder::integers(const std::vector<std::int64_t>& values) {
  std::string& name = constants_[fmt::format("integers {}", core::joined(values, " "))];
  if (name.empty()) {
    name = constant(onnx_integers(unique("constant"), {static_cast<std::int64_t>(values.size())}, values));
  }
  return name;
}

std::string OnnxBuilder::integer(std::int64_t value, OnnxType type) {
  std::string& name = constants_[fmt::format("integer {} {}", value, static_cast<int>(type))];
  if (!name.empty()) return name;
  const auto low_bytes = std::as_bytes(std::span(&value, 1)).first(element_bytes(type));  // little-endian
  return name = constant(onnx_constant(unique("constant"), type, {}, low_bytes));
}

std::string OnnxBuilder::number(float value) {
  std::string& name = constants_[fmt::format("number {:a}", value)];
  if (name.empty()) name = constant(onnx_floats(unique("constant"), {}, std::array{value}));
  return name;
}

std::string OnnxBuilder::constant(OnnxTensor tensor) {
  std::string name = tensor.name;
  model_.tensors.push_back(std::move(tensor));
  return name;
}

std::string OnnxBuilder::weight(const std::string& name, const at::Tensor& tensor) {
  std::string& known = constants_["weight " + name];
  if (!known.empty()) return known;
  const bool is_integer = at::isIntegralType(tensor.scalar_type(), /*includeBool=*/false);
  OnnxTensor constant{unique(name), is_integer ? OnnxType::kInt64 : OnnxType::kFloat, tensor.sizes().vec(), {}};
  constant.elements = [tensor, is_integer] {
    const torch::Tensor rows = tensor.detach().to(torch::kCPU, is_integer ? torch::kLong : torch::kFloat).contiguous();
    std::string bytes(rows.nbytes(), '\0');
    std::memcpy(bytes.data(), rows.data_ptr(), bytes.size());
    return bytes;
  };
  return known = this->constant(std::move(constant));
}

}  // namespace margay::exporting
