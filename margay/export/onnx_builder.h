#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/export/onnx_model.h"

namespace margay::exporting {

/// Puts a model together node by node. Values are known by their names.
class OnnxBuilder {
 public:
  using Names = std::vector<std::string>;
  using Attributes = std::vector<OnnxAttribute>;

  explicit OnnxBuilder(int opset) { model_.opset = opset; }

  /// Adds a node of one output and returns its name, which is the node's as well: `name`, and where there is one
  /// already name_2, name_3 ….
  std::string add(std::string op, Names inputs, const std::string& name, Attributes attributes = {});

  /// The mean, maximum, minimum … of some dimensions, which go, unless they are kept. op: "ReduceMean" …; up to opset
  /// 17 the dimensions are an attribute, from 18 on an input.
  std::string reduce(const std::string& op, const std::string& x, std::vector<std::int64_t> dimensions,
                     const std::string& name, bool keeps_dimensions = false);

  /// x[start, end) of one dimension; end: beyond the last for all that follow.
  std::string slice(const std::string& x, std::int64_t dimension, std::int64_t start, std::int64_t end,
                    const std::string& name);

  /// Whole numbers [n], int64, and one [] of any integer type, as constants; the same numbers are kept once.
  std::string integers(const std::vector<std::int64_t>& values);
  std::string integer(std::int64_t value, OnnxType type = OnnxType::kInt64);
  /// One float [].
  std::string number(float value);
  /// A constant with a name of its own.
  std::string constant(OnnxTensor tensor);
  /// A tensor of the network, float or int64 (others become float): contiguous copies are made while it is written.
  /// Used by several nodes it is kept once.
  std::string weight(const std::string& name, const at::Tensor& tensor);

  OnnxModel& model() { return model_; }
  /// Leaves the builder without one.
  OnnxModel take() { return std::move(model_); }

 private:
  std::string unique(const std::string& name);

  OnnxModel model_;
  std::map<std::string, int> names_;              ///< how often each was asked for
  std::map<std::string, std::string> constants_;  ///< by what they hold
};

}  // namespace margay::exporting
