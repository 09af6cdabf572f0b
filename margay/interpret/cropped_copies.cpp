#include "margay/interpret/cropped_copies.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <stdexcept>
#include <utility>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/threads.h"
#include "margay/data/check/crop_match.h"
#include "margay/predict/whitened_features.h"

namespace margay::interpret {
namespace {

using RowPairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// The pairs that features propose, each once, the smaller row first, in order.
RowPairs proposed_pairs(const torch::Tensor& directions, const torch::Tensor& groups, std::int64_t neighbours) {
  constexpr std::int64_t kRowsOfBlock = 512;
  const std::int64_t images = directions.size(0);
  const std::int64_t count = std::min(neighbours, images - 1);
  if (count < 1) return {};
  std::set<std::pair<std::int64_t, std::int64_t>> pairs;
  for (std::int64_t first = 0; first < images; first += kRowsOfBlock) {
    torch::Tensor cosines = directions.narrow(0, first, std::min(kRowsOfBlock, images - first)).mm(directions.t());
    cosines.diagonal(first).fill_(-2);
    if (groups.defined()) {
      const torch::Tensor own = groups.narrow(0, first, cosines.size(0)).unsqueeze(1);
      cosines.masked_fill_(own.eq(groups.unsqueeze(0)), -2);
    }
    const auto [values, nearest] = cosines.topk(count, 1);
    const torch::Tensor rows = nearest.contiguous();
    const torch::Tensor similar = values.contiguous();
    for (std::int64_t i = 0; i < rows.numel(); ++i) {
      if (similar.data_ptr<float>()[i] < -1.5F) continue;  // only copies are left
      pairs.insert(std::minmax(first + i / count, rows.data_ptr<std::int64_t>()[i]));
    }
  }
  return {pairs.begin(), pairs.end()};
}

/// The better of the two ways round; nothing where neither is a crop.
std::optional<CroppedCopy> crop_of(const data::CropDetails& a, const data::CropDetails& b,
                                   const std::pair<std::int64_t, std::int64_t>& rows, double least) {
  const data::CropMatch b_in_a = data::match_crop(a, b);
  const data::CropMatch a_in_b = data::match_crop(b, a);
  const bool is_b_part = b_in_a.correlation >= a_in_b.correlation;
  const data::CropMatch& match = is_b_part ? b_in_a : a_in_b;
  // Of a small part fewer details must agree by chance.
  constexpr double kSmallShare = 0.25;
  constexpr double kOfSmallShare = 0.9;
  if (match.correlation < (match.share < kSmallShare ? std::max(least, kOfSmallShare) : least)) return std::nullopt;
  return CroppedCopy{.whole = is_b_part ? rows.first : rows.second,
                     .part = is_b_part ? rows.second : rows.first,
                     .correlation = match.correlation,
                     .share = match.share,
                     .is_mirrored = match.is_mirrored};
}

using RowDetails = std::vector<std::optional<data::CropDetails>>;

/// What images that are no copies reach: the mean over up to 200 pairs of images and their 20th nearest, and four
/// standard deviations. 0 for fewer than 40 images. Drawings of a few strokes look cut out of each other.
double correlation_of_neighbours(const torch::Tensor& directions, const RowDetails& details) {
  constexpr std::int64_t kRank = 20;
  constexpr std::int64_t kPairs = 200;
  const std::int64_t images = directions.size(0);
  if (images < 2 * kRank) return 0;
  double sum = 0;
  double squares = 0;
  double count = 0;
  for (std::int64_t row = 0; row < images; row += images / kPairs + 1) {
    const torch::Tensor nearest = std::get<1>(directions.mv(directions[row]).topk(kRank + 1));
    const auto& a = details[static_cast<std::size_t>(row)];
    const auto& b = details[static_cast<std::size_t>(nearest[kRank].item<std::int64_t>())];
    if (!a || !b) continue;
    const double best = std::max(data::match_crop(*a, *b).correlation, data::match_crop(*b, *a).correlation);
    sum += best;
    squares += best * best;
    ++count;
  }
  if (count == 0) return 0;
  const double mean = sum / count;
  return mean + 4 * std::sqrt(std::max(0.0, squares / count - mean * mean));
}

}  // namespace

std::vector<CroppedCopy> find_cropped_copies(const torch::Tensor& features, const torch::Tensor& groups,
                                             const ThumbnailOfRow& thumbnail, const CropSearchOptions& options) {
  if (features.dim() != 2 || features.scalar_type() != torch::kFloat || !features.isfinite().all().item<bool>()) {
    throw std::invalid_argument("[cropped_copies] features must be float [N,D] and finite");
  }
  const torch::NoGradGuard no_grad;
  if (features.size(0) < 2) return {};
  const torch::Tensor directions = predict::WhitenedFeatures(features).directions(features);
  const RowPairs pairs = proposed_pairs(directions, groups, options.neighbours);
  RowDetails details(static_cast<std::size_t>(features.size(0)));
  const auto look = [&](std::size_t row) {
    const std::optional<core::Image> image = thumbnail(static_cast<std::int64_t>(row));
    if (image) details[row].emplace(*image);
  };
  core::for_each_index(details.size(), look, options.threads);
  const double least = std::max(data::kCropCorrelation, correlation_of_neighbours(directions, details));
  std::vector<std::optional<CroppedCopy>> matches(pairs.size());
  const auto match = [&](std::size_t i) {
    const auto& a = details[static_cast<std::size_t>(pairs[i].first)];
    const auto& b = details[static_cast<std::size_t>(pairs[i].second)];
    if (a && b) matches[i] = crop_of(*a, *b, pairs[i], least);
  };
  core::for_each_index(pairs.size(), match, options.threads);
  std::vector<CroppedCopy> found;
  for (const auto& each : matches) {
    if (each) found.push_back(*each);
  }
  return found;
}

}  // namespace margay::interpret
