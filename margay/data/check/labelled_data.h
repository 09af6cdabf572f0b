#pragma once

#include <string>
#include <vector>

#include "margay/data/check/data_report.h"
#include "margay/data/data_block.h"

namespace margay::data {

/// Where an image goes.
enum class Side { kNone, kTrain, kValid };

/// Images, labels and split as far as they can be had.
struct LabelledData {
  PathList paths;
  Items items;  ///< the same images; one without a label has "" or none
  std::vector<bool> has_label;
  std::vector<Side> sides;    ///< all kNone where the split failed
  std::string split_problem;  ///< "" where it did not
  std::string labels_by;      ///< the description of the labeller

  std::size_t size() const { return paths.size(); }
  std::size_t count(Side side) const;
  /// The classes that occur, by name.
  std::vector<ClassCount> classes() const;
};

/// Throws std::invalid_argument where the block has no items, no labels or no split; nothing for the data's faults.
LabelledData labelled_data(const DataBlock& block);

}  // namespace margay::data
