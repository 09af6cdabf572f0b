#include "margay/metric/average_precision.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <fmt/format.h>

namespace margay::metric {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
constexpr auto kLanes = static_cast<std::size_t>(Resamples::kLanes);

/// The images of one class in the order of their scores, the highest first.
struct RankedClass {
  std::vector<std::int32_t> images;
  std::vector<bool> is_there;    ///< of images[i]
  std::vector<bool> ends_equal;  ///< images[i] is the last of those with its score
  std::int64_t positives = 0;
  std::size_t counted = 0;  ///< images up to the last positive one and its equals; those behind it change nothing
};

RankedClass rank_class(const double* scores, const bool* is_there, std::int64_t count) {
  RankedClass ranked;
  ranked.images.resize(static_cast<std::size_t>(count));
  std::iota(ranked.images.begin(), ranked.images.end(), 0);
  std::sort(ranked.images.begin(), ranked.images.end(),
            [&](std::int32_t a, std::int32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  std::int64_t positives_before = 0;  // of the threshold at hand
  for (std::size_t i = 0; i < ranked.images.size(); ++i) {
    const std::int32_t image = ranked.images[i];
    ranked.is_there.push_back(is_there[image]);
    ranked.positives += is_there[image] ? 1 : 0;
    ranked.ends_equal.push_back(i + 1 == ranked.images.size() || scores[image] != scores[ranked.images[i + 1]]);
    if (ranked.ends_equal.back() && ranked.positives > positives_before) {
      ranked.counted = i + 1;
      positives_before = ranked.positives;
    }
  }
  return ranked;
}

double precision_of_ranked(const RankedClass& ranked) {
  if (ranked.positives == 0) return kUndefined;
  double sum = 0;
  double hits = 0;
  double new_hits = 0;  // since the last threshold
  for (std::size_t i = 0; i < ranked.images.size(); ++i) {
    new_hits += ranked.is_there[i] ? 1 : 0;
    if (!ranked.ends_equal[i]) continue;
    hits += new_hits;
    sum += new_hits * hits / static_cast<double>(i + 1);
    new_hits = 0;
  }
  return sum / static_cast<double>(ranked.positives);
}

/// The average precisions of one block of resamples, in one walk along the ranking.
class ResampledPrecisions {
 public:
  void add(const RankedClass& ranked, const std::uint8_t* counts) {
    constexpr std::size_t kAhead = 16;
    const auto of_image = [&](std::size_t rank) {
      return counts + static_cast<std::size_t>(ranked.images[rank]) * kLanes;
    };
    bool has_new_hits = false;
    for (std::size_t i = 0; i < ranked.counted; ++i) {
      // The images of a ranking lie anywhere in memory.
      if (i + kAhead < ranked.counted) {
        __builtin_prefetch(of_image(i + kAhead));
        __builtin_prefetch(of_image(i + kAhead) + kLanes - 1);
      }
      const std::uint8_t* count = of_image(i);
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        recent_[lane] = static_cast<std::uint16_t>(recent_[lane] + count[lane]);
      }
      if (i % 256 == 255) take_recent();  // 256 counts of at most 255 fit
      if (ranked.is_there[i]) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) new_hits_[lane] += count[lane];
        has_new_hits = true;
      }
      if (!has_new_hits || !ranked.ends_equal[i]) continue;
      end_threshold();
      has_new_hits = false;
    }
  }

  double value(std::size_t lane) const { return hits_[lane] > 0 ? sums_[lane] / hits_[lane] : kUndefined; }

 private:
  void take_recent() {
    for (std::size_t lane = 0; lane < kLanes; ++lane) seen_[lane] += recent_[lane];
    recent_ = {};
  }

  void end_threshold() {
    take_recent();
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      hits_[lane] += new_hits_[lane];
      const auto seen = static_cast<double>(std::max(seen_[lane], std::int32_t{1}));
      sums_[lane] += new_hits_[lane] * hits_[lane] / seen;
      new_hits_[lane] = 0;
    }
  }

  std::array<std::uint16_t, kLanes> recent_{};  ///< images since the last addition to `seen_`
  std::array<std::int32_t, kLanes> seen_{};
  std::array<double, kLanes> new_hits_{};
  std::array<double, kLanes> hits_{};
  std::array<double, kLanes> sums_{};
};

/// The counts of all blocks of resamples, one after another.
std::vector<std::vector<std::uint8_t>> all_counts(const Resamples& resamples) {
  std::vector<std::vector<std::uint8_t>> blocks(static_cast<std::size_t>(resamples.blocks()));
  at::parallel_for(0, resamples.blocks(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      blocks[static_cast<std::size_t>(block)] = resamples.counts(block);
    }
  });
  return blocks;
}

std::vector<double> resampled_precisions(const RankedClass& ranked,
                                         const std::vector<std::vector<std::uint8_t>>& blocks,
                                         std::int64_t replicates) {
  std::vector<double> values;
  if (ranked.positives == 0) return values;
  for (const std::vector<std::uint8_t>& counts : blocks) {
    ResampledPrecisions block;
    block.add(ranked, counts.data());
    for (std::size_t lane = 0; lane < kLanes; ++lane) values.push_back(block.value(lane));
  }
  values.resize(static_cast<std::size_t>(replicates));
  return values;
}

/// How many independent images of the class there are.
double positive_groups(const RankedClass& ranked, const Resamples& resamples) {
  std::vector<bool> is_seen(static_cast<std::size_t>(resamples.groups()));
  std::int64_t count = 0;
  for (std::size_t i = 0; i < ranked.images.size(); ++i) {
    if (!ranked.is_there[i]) continue;
    auto seen = is_seen[static_cast<std::size_t>(resamples.group(ranked.images[i]))];
    count += seen ? 0 : 1;
    seen = true;
  }
  return static_cast<double>(count);
}

/// The mean over classes, in each replicate over those of which an image was drawn.
Estimate mean_of_classes(const std::vector<Estimate>& classes, const std::vector<std::vector<double>>& values,
                         const Resamples* resamples, std::int64_t& counted) {
  double sum = 0;
  for (const Estimate& each : classes) {
    if (std::isnan(each.value)) continue;
    sum += each.value;
    ++counted;
  }
  Estimate mean{.value = counted == 0 ? kUndefined : sum / static_cast<double>(counted)};
  if (resamples == nullptr || counted == 0) return mean;
  std::vector<double> means;
  for (std::size_t replicate = 0; replicate < static_cast<std::size_t>(resamples->replicates()); ++replicate) {
    double total = 0;
    double drawn = 0;
    for (const std::vector<double>& of_class : values) {
      if (of_class.empty() || std::isnan(of_class[replicate])) continue;
      total += of_class[replicate];
      drawn += 1;
    }
    means.push_back(drawn > 0 ? total / drawn : kUndefined);
  }
  mean.interval = resamples->interval(means, static_cast<double>(resamples->groups()));
  return mean;
}

void check_scores(const torch::Tensor& scores, const torch::Tensor& targets, const Resamples* resamples) {
  if (scores.dim() != 2 || targets.sizes() != scores.sizes()) {
    throw std::invalid_argument("[average_precision] scores and targets must both be [N,K]");
  }
  if (resamples != nullptr && resamples->images() != scores.size(0)) {
    throw std::invalid_argument(
        fmt::format("[average_precision] {} images, but resamples of {}", scores.size(0), resamples->images()));
  }
}

/// One column, after a check that it is finite.
torch::Tensor score_column(const torch::Tensor& scores, std::int64_t k) {
  torch::Tensor column = scores.select(1, k).to(torch::kCPU, torch::kDouble).contiguous();
  if (column.isfinite().all().item<bool>()) return column;
  throw std::invalid_argument(fmt::format("[average_precision] scores of class {} are non-finite", k));
}

}  // namespace

double average_precision(const torch::Tensor& scores, const torch::Tensor& is_there) {
  if (scores.dim() != 1 || is_there.sizes() != scores.sizes()) {
    throw std::invalid_argument("[average_precision] scores and is_there must both be [N]");
  }
  return average_precisions(scores.unsqueeze(1), is_there.unsqueeze(1)).classes.at(0).value;
}

AveragePrecisions average_precisions(const torch::Tensor& scores, const torch::Tensor& targets,
                                     const Resamples* resamples) {
  check_scores(scores, targets, resamples);
  const std::int64_t classes = scores.size(1);
  AveragePrecisions result;
  result.classes.resize(static_cast<std::size_t>(classes));
  std::vector<std::vector<double>> values(result.classes.size());
  const auto blocks = resamples == nullptr ? std::vector<std::vector<std::uint8_t>>{} : all_counts(*resamples);
  at::parallel_for(0, classes, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      const torch::Tensor column = score_column(scores, k);
      const torch::Tensor is_there = (targets.select(1, k) > 0.5).to(torch::kCPU).contiguous();
      const RankedClass ranked = rank_class(column.data_ptr<double>(), is_there.data_ptr<bool>(), column.size(0));
      Estimate& estimate = result.classes[static_cast<std::size_t>(k)];
      estimate.value = precision_of_ranked(ranked);
      if (resamples == nullptr) continue;
      std::vector<double>& of_class = values[static_cast<std::size_t>(k)];
      of_class = resampled_precisions(ranked, blocks, resamples->replicates());
      std::vector<double> sorted = of_class;
      if (!sorted.empty()) estimate.interval = resamples->interval(sorted, positive_groups(ranked, *resamples));
    }
  });
  result.mean = mean_of_classes(result.classes, values, resamples, result.counted);
  return result;
}

}  // namespace margay::metric
