#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "margay/model/weights/tensor_map.h"

namespace margay::model {

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
  std::vector<Entry> misshapen;  ///< of another shape, or whole numbers in the place of fractions

  bool empty() const { return count() == 0; }
  std::size_t count() const { return missing.size() + extra.size() + misshapen.size(); }
  /// "1 missing, 2 not expected" and below it a table of the first few of each kind with both shapes, without a line
  /// break at its end.
  std::string text() const;
};

/// Compares names, shapes, and whether a tensor holds whole numbers or fractions (not which of them).
StateMismatch compare_states(const TensorMap& expected, const TensorMap& found);

/// Copies each tensor of `to` from the one of that name, which must be there, without changing dtype, device or layout.
void copy_state(const TensorMap& from, const TensorMap& to);

}  // namespace margay::model
