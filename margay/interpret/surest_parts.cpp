#include "margay/interpret/surest_parts.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace margay::interpret::detail {
namespace {

constexpr std::size_t kHalf = 2;
constexpr std::size_t kQuarter = 4;

}  // namespace

SurestParts::SurestParts(std::span<const std::int64_t> labels, std::span<const std::int64_t> predictions,
                         std::span<const double> surety, std::size_t classes)
    : labels_(labels), predicted_(classes) {
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    predicted_[static_cast<std::size_t>(predictions[i])].push_back(i);
  }
  for (std::vector<std::size_t>& images : predicted_) {
    std::stable_sort(images.begin(), images.end(), [&](std::size_t a, std::size_t b) { return surety[a] > surety[b]; });
  }
}

PartShares SurestParts::of_data() const {
  PartShares shares;
  add_block(std::vector<std::uint8_t>(labels_.size() * kLanes, 1), 1, shares);
  return shares;
}

PartShares SurestParts::of_replicates(const metric::Resamples& resamples) const {
  PartShares shares;
  auto left = static_cast<std::size_t>(resamples.replicates());
  for (std::int64_t block = 0; block < resamples.blocks(); ++block) {
    const std::size_t lanes = std::min(left, kLanes);
    add_block(resamples.counts(block), lanes, shares);
    left -= lanes;
  }
  return shares;
}

std::vector<OfParts> SurestParts::cases() const {
  std::vector<OfParts> cases(predicted_.size(), OfParts{});
  for (const std::vector<std::size_t>& images : predicted_) {
    for (std::size_t part = 0; part < kSurestParts.size(); ++part) {
      double room = kSurestParts[part] * static_cast<double>(images.size());
      for (auto image = images.begin(); image != images.end() && room > 0; ++image, --room) {
        cases[label(*image)][part] += std::min(room, 1.0);
      }
    }
  }
  return cases;
}

/// counts: as Resamples::counts; lanes: how many of them are replicates.
void SurestParts::add_block(std::span<const std::uint8_t> counts, std::size_t lanes, PartShares& shares) const {
  std::vector<Cell> cells(predicted_.size());
  for (std::size_t predicted = 0; predicted < predicted_.size(); ++predicted) add_predicted(predicted, counts, cells);
  shares.of_class.resize(predicted_.size());
  for (std::size_t lane = 0; lane < lanes; ++lane) add_replicate(lane, cells, shares);
}

void SurestParts::add_predicted(std::size_t predicted, std::span<const std::uint8_t> counts,
                                std::vector<Cell>& cells) const {
  Lanes drawn = {};
  for (const std::size_t image : predicted_[predicted]) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) drawn[lane] += counts[image * kLanes + lane];
  }
  Lanes before = {};  // of the surer images
  for (const std::size_t image : predicted_[predicted]) {
    Cell& cell = cells[label(image)];
    auto& sums = label(image) == predicted ? cell.right : cell.wrong;
    const std::uint8_t* const count = counts.data() + image * kLanes;
    for (std::size_t part = 0; part < kSurestParts.size(); ++part) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const double room = kSurestParts[part] * drawn[lane] - before[lane];
        sums[part][lane] += std::clamp<double>(room, 0, count[lane]);
      }
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) before[lane] += count[lane];
  }
}

void SurestParts::add_replicate(std::size_t lane, const std::vector<Cell>& cells, PartShares& shares) const {
  OfParts& all = shares.all.emplace_back();
  for (std::vector<OfParts>& replicates : shares.of_class) replicates.emplace_back();
  for (std::size_t part = 0; part < kSurestParts.size(); ++part) {
    double all_wrong = 0;
    double all_labels = 0;
    for (std::size_t k = 0; k < cells.size(); ++k) {
      const double right = cells[k].right[part][lane];
      const double wrong = cells[k].wrong[part][lane];
      const bool is_drawn = cells[k].right[0][lane] + cells[k].wrong[0][lane] > 0;
      shares.of_class[k].back()[part] =
          is_drawn ? wrong / (std::max(right, 1.0) + wrong) : std::numeric_limits<double>::quiet_NaN();
      all_wrong += wrong;
      all_labels += right + wrong;
    }
    all[part] = all_wrong / all_labels;
  }
}

PartChoice::PartChoice(const std::vector<OfParts>& replicates) {
  std::vector<double> differences(replicates.size());
  for (std::size_t large = 0; large < kSurestParts.size(); ++large) {
    for (std::size_t small = large + 1; small < kSurestParts.size(); ++small) {
      std::transform(replicates.begin(), replicates.end(), differences.begin(),
                     [&](const OfParts& shares) { return shares[large] - shares[small]; });
      errors_[large][small] = std::sqrt(variance_of(differences));
    }
  }
}

std::size_t PartChoice::operator()(const OfParts& shares) const {
  std::size_t part = 0;
  while (part + 1 < kSurestParts.size() && is_above_a_smaller_one(shares, part)) ++part;
  return part;
}

bool PartChoice::is_above_a_smaller_one(const OfParts& shares, std::size_t part) const {
  for (std::size_t small = part + 1; small < kSurestParts.size(); ++small) {
    if (shares[part] - shares[small] > errors_[part][small]) return true;
  }
  return false;
}

double extrapolated_share(const OfParts& shares) { return 2 * shares[kQuarter] - shares[kHalf]; }

double variance_of(std::span<const double> values) {
  double count = 0;
  double mean = 0;
  double squares = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    ++count;
    const double step = value - mean;
    mean += step / count;
    squares += step * (value - mean);
  }
  return count > 1 ? squares / (count - 1) : 0;
}

}  // namespace margay::interpret::detail
