#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "margay/interpret/judged_images.h"

namespace margay::interpret {

/// Which images come first.
enum class TopLosses {
  kHighest,      ///< the highest loss
  kSurelyWrong,  ///< wrong, and the most probable prediction
  kLowest,       ///< the lowest loss
  kBorder,       ///< the smallest margin: nearest to being predicted differently; known without labels, too
  kLeastSure     ///< the least probability of the prediction; known without labels, too
};

constexpr auto names(TopLosses /*tag*/) {
  return std::array{std::pair{TopLosses::kHighest, "highest"}, std::pair{TopLosses::kSurelyWrong, "surely_wrong"},
                    std::pair{TopLosses::kLowest, "lowest"}, std::pair{TopLosses::kBorder, "border"},
                    std::pair{TopLosses::kLeastSure, "least_sure"}};
}

/// The rows of the first k images in that order, fewer if there are not so many; equal ones by row. Throws
/// std::invalid_argument for an order that needs labels where there are none, and for a negative k.
std::vector<std::int64_t> top_rows(const JudgedImages& images, TopLosses order, std::int64_t k);

/// The rows of the images of one cell of the confusion matrix, the highest loss first. predicted −1: the refused ones.
/// k: at most so many. Throws std::invalid_argument without labels, and for several labels.
std::vector<std::int64_t> cell_rows(const JudgedImages& images, std::int32_t actual, std::int32_t predicted,
                                    std::int64_t k);

/// The outcomes of one class of several labels.
enum class LabelOutcome { kTruePositive, kFalsePositive, kFalseNegative };

/// Of several labels, the rows of the images where one class has that outcome, the highest loss first.
std::vector<std::int64_t> outcome_rows(const JudgedImages& images, std::int32_t of_class, LabelOutcome outcome,
                                       std::int64_t k);

/// The prediction of a refused image.
constexpr const char* kNoneOfThese = "none of these";

/// What is known of one image, in words.
struct TopLoss {
  std::int64_t row = 0;
  std::string name;                                        ///< of the image
  std::string label;                                       ///< several are joined by ';'; "" without labels
  std::string prediction;                                  ///< the same; "none of these" where refused
  double loss = std::numeric_limits<double>::quiet_NaN();  ///< NaN without labels
  double probability = 0;  ///< of the prediction; of several labels of the most probable class
  double label_probability = std::numeric_limits<double>::quiet_NaN();  ///< NaN without labels
  double margin = 0;
  std::string border_class;  ///< what it would become first
};

/// What is known of a row; `images` are judged from `predictions`.
TopLoss describe_image(const predict::KeptPredictions& predictions, const JudgedImages& images, std::int64_t row);

}  // namespace margay::interpret
