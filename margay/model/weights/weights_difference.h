#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "margay/model/weights/tensor_map.h"

namespace margay::model {

/// How two files of weights differ, in every respect and number.
struct WeightsDifference {
  /// A tensor of two shapes.
  struct Shapes {
    std::string name;
    std::vector<std::int64_t> a;
    std::vector<std::int64_t> b;
  };
  /// A tensor of one shape in two dtypes.
  struct Dtypes {
    std::string name;
    at::ScalarType a;
    at::ScalarType b;
  };
  /// A tensor of one shape with other numbers.
  struct Values {
    std::string name;
    double largest = 0;          ///< |a - b|; infinity where a NaN or an infinity stands against another number
    std::int64_t differing = 0;  ///< numbers that are not equal; NaN equals NaN
    std::int64_t values = 0;     ///< of the tensor
  };

  std::vector<std::string> only_in_a;
  std::vector<std::string> only_in_b;
  std::vector<Shapes> shapes;
  std::vector<Dtypes> dtypes;
  std::vector<Values> values;  ///< the largest difference first
  std::int64_t equal = 0;      ///< tensors that agree in everything

  bool empty() const {
    return only_in_a.empty() && only_in_b.empty() && shapes.empty() && dtypes.empty() && values.empty();
  }
};

/// Compares by names; numbers in float64, so that a file and its copy of another dtype differ by what rounding took.
WeightsDifference weights_difference(const TensorMap& a, const TensorMap& b);

}  // namespace margay::model
