#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "margay/metric/bootstrap.h"

namespace margay::interpret::detail {

/// Parts of the images of each class, surest first, the largest part first (wrong_label_shares).
inline constexpr std::array<double, 5> kSurestParts = {1, 0.7, 0.5, 0.35, 0.25};

/// One number for each part.
using OfParts = std::array<double, kSurestParts.size()>;

/// The shares of wrong labels in each part, of data that was drawn again or of the data itself.
struct PartShares {
  std::vector<OfParts> all;                    ///< [R]
  std::vector<std::vector<OfParts>> of_class;  ///< [K][R]; NaN where no image of the class was drawn
};

/// The images of which each class is the most probable, surest first, and how many of them have another label.
class SurestParts {
 public:
  /// All of one length: labels and predictions are classes, 0 … classes − 1; surety: probability of the prediction.
  SurestParts(std::span<const std::int64_t> labels, std::span<const std::int64_t> predictions,
              std::span<const double> surety, std::size_t classes);

  PartShares of_data() const;  ///< R = 1
  PartShares of_replicates(const metric::Resamples& resamples) const;
  std::vector<OfParts> cases() const;  ///< [K]: how many images of each label are in the parts

 private:
  static constexpr auto kLanes = static_cast<std::size_t>(metric::Resamples::kLanes);
  /// One number for each replicate of a block.
  using Lanes = std::array<double, kLanes>;
  /// Of the images with one label.
  struct Cell {
    std::array<Lanes, kSurestParts.size()> right = {};
    std::array<Lanes, kSurestParts.size()> wrong = {};
  };

  std::size_t label(std::size_t image) const { return static_cast<std::size_t>(labels_[image]); }
  void add_block(std::span<const std::uint8_t> counts, std::size_t lanes, PartShares& shares) const;
  void add_predicted(std::size_t predicted, std::span<const std::uint8_t> counts, std::vector<Cell>& cells) const;
  void add_replicate(std::size_t lane, const std::vector<Cell>& cells, PartShares& shares) const;

  std::span<const std::int64_t> labels_;
  std::vector<std::vector<std::size_t>> predicted_;  ///< [K]
};

/// Chooses the part whose share is believed: the largest one whose share is above no smaller part's by more than the
/// standard error of their difference, which is the replicates' standard deviation.
class PartChoice {
 public:
  explicit PartChoice(const std::vector<OfParts>& replicates);
  std::size_t operator()(const OfParts& shares) const;

 private:
  bool is_above_a_smaller_one(const OfParts& shares, std::size_t part) const;

  std::array<OfParts, kSurestParts.size()> errors_ = {};
};

/// What share is left for a part of no size, where the surplus is in proportion to the part's: 2 share(.25) −
/// share(.5).
double extrapolated_share(const OfParts& shares);

/// Of the numbers that are not NaN, with n − 1; 0 for fewer than two.
double variance_of(std::span<const double> values);

}  // namespace margay::interpret::detail
