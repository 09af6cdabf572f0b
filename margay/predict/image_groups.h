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

/// Images that are not independent of each other: near copies, a burst of photographs, the images of one patient.
struct ImageGroups {
  torch::Tensor of_image;           ///< int64 [N], 0 … count-1, numbered in the order of first appearance
  std::int64_t count = 0;           ///< N where no group has two images
  std::int64_t largest = 0;         ///< in images
  std::int64_t joined = 0;          ///< images in groups of two or more
  Grouping kind = Grouping::kNone;  ///< how they came about; never kAuto
  double least_similarity = 0;      ///< of near copies, to this network (cosine); 0 where features were not compared
  std::string note;                 ///< what the search for near copies could not do, sentences; "" if all was done
};

/// Groups of the images of `features`, which are of `dataset`. Throws std::invalid_argument for kGiven where the data
/// has no groups. Near copies are those of find_near_copies.
ImageGroups group_images(const Features& features, const data::Dataset& dataset, Grouping grouping = Grouping::kAuto);

}  // namespace margay::predict
