#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "margay/interpret/remaining_errors.h"
#include "margay/metric/interval.h"
#include "margay/metric/standard_error.h"

namespace margay::run {

/// How many labels are wrong when the review ends now.
struct RemainingWrong {
  std::size_t images = 0;                 ///< that are not deleted
  interpret::ReviewedSample sample = {};  ///< of the images without a decision when it began
  std::size_t found = 0;                  ///< wrong ones of its population that have been mended
  std::optional<std::size_t> at_most;     ///< labels wrong, with `confidence`; nothing before the sample begins
  std::optional<double> estimate;         ///< labels wrong, as one number
  double confidence = .95;

  std::optional<double> share_at_most() const;
};

struct ReviewProgress {
  std::size_t kept = 0;                   ///< images, by the last decision about each
  std::size_t relabelled = 0;             ///< images
  std::size_t deleted = 0;                ///< images
  std::size_t distinct = 0;               ///< pairs of images that are no copies of each other
  std::size_t changed_in_validation = 0;  ///< of those relabelled and deleted
  std::size_t pending = 0;                ///< entries of the queue
  std::size_t skipped = 0;                ///< entries that come again in the next review
  std::map<std::string, std::size_t> pending_by_kind = {};

  std::size_t decided() const { return kept + relabelled + deleted; }
};

/// The error of one model on the validation images, judged by the labels before and after the review: the same images
/// and the same predictions on both sides. Images that the review deleted are on neither.
struct ValidationErrors {
  std::size_t images = 0;
  std::size_t relabelled = 0;
  std::size_t deleted = 0;  ///< not among `images`
  metric::Estimate before;  ///< share of predictions that are not the label, with Wilson's interval
  metric::Estimate after;
  metric::Difference change;  ///< after − before, paired by image
};

}  // namespace margay::run
