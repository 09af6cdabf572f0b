#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include <torch/types.h>

#include "margay/data/dataset.h"
#include "margay/predict/features.h"

namespace margay::predict {

/// Which images belong together. Auto: the data's own groups (DataBlock::group) if it has some, else near copies.
enum class Grouping { kAuto, kGiven, kNearCopies, kNone };

constexpr auto names(Grouping /*tag*/) {
  return std::array{std::pair{Grouping::kAuto, "auto"}, std::pair{Grouping::kGiven, "given"},
                    std::pair{Grouping::kNearCopies, "near_copies"}, std::pair{Grouping::kNone, "none"}};
}

/// Images that must not be told apart as if they were independent: near copies, a burst, a patient.
struct ImageGroups {
  torch::Tensor of_image;           ///< int64 [N], 0 … count-1, numbered in the order of first appearance
  std::int64_t count = 0;           ///< N where no group has two images
  std::int64_t largest = 0;         ///< in images
  std::int64_t joined = 0;          ///< images in groups of two or more
  Grouping kind = Grouping::kNone;  ///< how they came about; never kAuto
  double least_similarity = 0;      ///< of near copies, to this network; 0 where features told nothing
  std::string note;                 ///< what limits the search for near copies, one sentence; "" if nothing does
};

/// Groups of the images of `features`, which are those of `dataset`. Throws std::invalid_argument for kGiven where the
/// data has no groups.
ImageGroups group_images(const Features& features, const data::Dataset& dataset, Grouping grouping = Grouping::kAuto);

}  // namespace margay::predict
