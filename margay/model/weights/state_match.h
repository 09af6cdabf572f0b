#pragma once

#include <string>
#include <vector>

#include "margay/model/weights/tensor_map.h"

namespace margay::model {

/// How two sets of named tensors differ.
struct StateMismatch {
  std::vector<std::string> missing;    ///< expected, not found
  std::vector<std::string> extra;      ///< found, not expected
  std::vector<std::string> misshapen;  ///< "NAME expected [64,3,7,7], found [64,3,3,3]"

  bool empty() const { return count() == 0; }
  std::size_t count() const { return missing.size() + extra.size() + misshapen.size(); }
  /// The first few of each kind and how many more there are.
  std::string text() const;
};

/// Compares names, shapes, and whether a tensor holds whole numbers or fractions (not which of them).
StateMismatch compare_states(const TensorMap& expected, const TensorMap& found);

/// Copies each tensor of `to` from the one of that name, which must be there, without changing dtype, device or layout.
void copy_state(const TensorMap& from, const TensorMap& to);

}  // namespace margay::model
