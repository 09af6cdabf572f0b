#include "margay/interpret/cropped_copies.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>

#include <torch/torch.h>

#include "margay/core/threads.h"
#include "margay/data/check/crop_match.h"
#include "margay/predict/whitened_features.h"

namespace margay::interpret {
namespace {

using RowPairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// The pairs that features propose, each once, the smaller row first, in order.
RowPairs proposed_pairs(const torch::Tensor& features, const torch::Tensor& groups, std::int64_t neighbours) {
  constexpr std::int64_t kRowsOfBlock = 512;
  const std::int64_t images = features.size(0);
  const std::int64_t count = std::min(neighbours, images - 1);
  if (count < 1) return {};
  const torch::Tensor directions = predict::WhitenedFeatures(features).directions(features);
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

/// Calls `work` for 0 … count-1 from several threads; the first exception is thrown here.
void for_all(std::size_t count, int threads, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto run = [&] {
    try {
      for (std::size_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  {
    const auto helpers = core::start_threads(threads - 1, [&](const std::stop_token&) { run(); });
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

/// The better of the two ways round; nothing where neither is a crop.
std::optional<CroppedCopy> crop_of(const data::CropDetails& a, const data::CropDetails& b,
                                   const std::pair<std::int64_t, std::int64_t>& rows) {
  const data::CropMatch b_in_a = data::match_crop(a, b);
  const data::CropMatch a_in_b = data::match_crop(b, a);
  const bool is_b_part = b_in_a.correlation >= a_in_b.correlation;
  const data::CropMatch& match = is_b_part ? b_in_a : a_in_b;
  if (match.correlation < data::kCropCorrelation) return std::nullopt;
  return CroppedCopy{.whole = is_b_part ? rows.first : rows.second,
                     .part = is_b_part ? rows.second : rows.first,
                     .correlation = match.correlation,
                     .share = match.share,
                     .is_mirrored = match.is_mirrored};
}

}  // namespace

std::vector<CroppedCopy> find_cropped_copies(const torch::Tensor& features, const torch::Tensor& groups,
                                             const ThumbnailOfRow& thumbnail, const CropSearchOptions& options) {
  if (features.dim() != 2 || features.scalar_type() != torch::kFloat || !features.isfinite().all().item<bool>()) {
    throw std::invalid_argument("[cropped_copies] features must be float [N,D] and finite");
  }
  const torch::NoGradGuard no_grad;
  const RowPairs pairs = proposed_pairs(features, groups, options.neighbours);
  std::vector<std::optional<data::CropDetails>> details(static_cast<std::size_t>(features.size(0)));
  for_all(details.size(), options.threads, [&](std::size_t row) {
    const std::optional<core::Image> image = thumbnail(static_cast<std::int64_t>(row));
    if (image) details[row].emplace(*image);
  });
  std::vector<std::optional<CroppedCopy>> matches(pairs.size());
  for_all(pairs.size(), options.threads, [&](std::size_t i) {
    const auto& a = details[static_cast<std::size_t>(pairs[i].first)];
    const auto& b = details[static_cast<std::size_t>(pairs[i].second)];
    if (a && b) matches[i] = crop_of(*a, *b, pairs[i]);
  });
  std::vector<CroppedCopy> found;
  for (const auto& match : matches) {
    if (match) found.push_back(*match);
  }
  return found;
}

}  // namespace margay::interpret
