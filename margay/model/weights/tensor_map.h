#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace margay::model {

/// Tensors by name, in the order of their names.
using TensorMap = std::map<std::string, at::Tensor>;

/// Statistics of a tensor's numbers.
struct TensorStatistics {
  double min = 0;  ///< of the finite numbers, as are the others; 0 if there are none
  double max = 0;
  double mean = 0;
  std::int64_t non_finite = 0;  ///< NaN and infinities
};

/// tensor: any real or boolean dtype and shape, on the CPU. Computed in float64.
TensorStatistics statistics_of(const at::Tensor& tensor);

/// The differences between two files of weights.
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
    double largest = 0;          ///< |a - b|; infinity if one of the two is NaN or infinite
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

/// Compares tensors of the same name, in float64, so that a file and its copy in another dtype differ by rounding only.
WeightsDifference weights_difference(const TensorMap& a, const TensorMap& b);

/// How two sets of named tensors differ.
struct StateMismatch {
  struct Entry {
    std::string name;
    std::string expected;  ///< "[64,3,7,7]"; "": not expected
    std::string found;     ///< "": not found
    std::string nearest;   ///< for one that is missing: the unexpected one with the most similar name, if there is one
  };
  std::vector<Entry> missing;    ///< expected, not found
  std::vector<Entry> extra;      ///< found, not expected
  std::vector<Entry> misshapen;  ///< of another shape, or integers in place of fractions

  bool empty() const { return count() == 0; }
  std::size_t count() const { return missing.size() + extra.size() + misshapen.size(); }
  /// "1 missing, 2 not expected" and below it a table of the first few of each kind with both shapes, without a line
  /// break at its end.
  std::string text() const;
};

/// Compares names, shapes, and whether a tensor holds whole numbers or fractions (not which of them).
StateMismatch compare_states(const TensorMap& expected, const TensorMap& found);

/// Copies the values of `from` into the tensors of `to` with the same names, which must exist. Dtype, device and layout
/// of `to` are kept.
void copy_state(const TensorMap& from, const TensorMap& to);

}  // namespace margay::model
