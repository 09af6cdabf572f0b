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
/// has no groups.
///
/// Near copies are images whose features are the same; images of any classes whose hashes differ in few bits and whose
/// features are alike; and images of one class (of the same labels) whose features are alike. Alike means the cosine of
/// whitened features: x - mean, multiplied by the inverse root of the covariance + its mean eigenvalue · 1, so that
/// what tells classes apart counts no more than what tells images apart. The least similarity is not a constant: it is
/// half way between the median similarity of an image to its changed view (Features::changed) and what the most alike
/// of independent images of a class would have by chance, judged by the lower half of their similarities. Where that is
/// no difference, the network cannot tell, and near copies are images of equal features or nearly equal hashes alone.
///
/// Alike images are joined, the most alike first (single linkage), so that frames of a film hang together although its
/// ends differ. So that chains do not join what is only vaguely alike, two images must have most of their near copies
/// in common (SCAN), unless they are as alike as an image and its changed view. Of a class of 20 images or more, a
/// group grows to at most a half: a class that is left out as a whole cannot be recognised.
///
/// An image of a class of more than 8,192 is compared with the 2,048 that follow in the dataset's order and with the
/// 8,192 that follow along the direction of most variance. 100,000 images of 512 features and 100 classes take 4 s on
/// two cores.
ImageGroups group_images(const Features& features, const data::Dataset& dataset, Grouping grouping = Grouping::kAuto);

}  // namespace margay::predict
