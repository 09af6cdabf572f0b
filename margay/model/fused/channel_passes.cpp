#include "margay/model/fused/channel_passes.h"

#include <algorithm>
#include <numeric>

namespace margay::model::fused {
namespace {

/// Shorter rows would be all overhead.
constexpr std::size_t kShortestRow = 256;
/// Fewer elements are not worth a part.
constexpr std::size_t kFewestElements = 32768;
/// Every part has sums of its own, which cost as much as reading so many rows.
constexpr std::size_t kFewestRows = 128;
constexpr std::size_t kMostParts = 64;

std::size_t divide_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

}  // namespace

ChannelRows::ChannelRows(const torch::Tensor& x)
    : channels_(static_cast<std::size_t>(x.size(1))),
      elements_(static_cast<std::size_t>(x.numel())),
      period_(std::lcm(channels_, kRowMultiple)) {
  period_ *= divide_up(kShortestRow, period_);
  const std::size_t wanted =
      std::clamp<std::size_t>(elements_ / std::max(kFewestElements, kFewestRows * period_), 1, kMostParts);
  part_elements_ = divide_up(divide_up(elements_, period_), wanted) * period_;
  parts_ = divide_up(elements_, part_elements_);
}

std::vector<float> ChannelRows::spread(std::span<const float> channels) const {
  std::vector<float> line;
  line.reserve(period_);
  while (line.size() < period_) line.insert(line.end(), channels.begin(), channels.end());
  return line;
}

namespace {

/// The sums of every part, which are then added in their order.
class PartSums {
 public:
  explicit PartSums(const ChannelRows& rows)
      : rows_(rows), totals_(rows.parts() * 2 * rows.period()), recent_(totals_.size()) {}

  ChannelSums of(std::size_t part) {
    const std::size_t period = rows_.period();
    const std::size_t begin = part * 2 * period;
    return {.first = recent_.data() + begin,
            .second = recent_.data() + begin + period,
            .total_first = totals_.data() + begin,
            .total_second = totals_.data() + begin + period,
            .period = period};
  }

  ChannelPair all() {
    ChannelPair sums{std::vector<double>(rows_.channels()), std::vector<double>(rows_.channels())};
    for (std::size_t part = 0; part < rows_.parts(); ++part) {
      add(of(part).total_first, sums.first);
      add(of(part).total_second, sums.second);
    }
    return sums;
  }

 private:
  void add(const double* line, std::vector<double>& sums) const {
    for (std::size_t begin = 0; begin < rows_.period(); begin += sums.size()) {
      for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += line[begin + c];
    }
  }

  const ChannelRows& rows_;
  std::vector<double> totals_;
  std::vector<float> recent_;
};

/// About the mean of every channel, from a few pixels: variances come from squares of distances to it, which lose
/// nothing where means are far from 0.
template <class T>
std::vector<float> pivots(const torch::Tensor& x, const ChannelRows& rows) {
  constexpr std::size_t kSamples = 16;
  const auto* values = reinterpret_cast<const TorchType<T>*>(elements<T>(x));
  std::vector<float> sums(rows.channels());
  for (std::size_t sample = 0; sample < kSamples; ++sample) {
    const auto* pixel = values + sample * rows.pixels() / kSamples * rows.channels();
    for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += static_cast<float>(pixel[c]);
  }
  for (float& sum : sums) sum /= static_cast<float>(kSamples);
  return sums;
}

}  // namespace

ChannelPair mean_and_variance(const torch::Tensor& x) {
  const ChannelRows rows(x);
  return with_type_of(x, [&]<class T>(T /*tag*/) {
    const std::vector<float> pivot = pivots<T>(x, rows);
    const std::vector<float> line = rows.spread(pivot);
    PartSums sums(rows);
    const auto kernel = channel_kernel<T>();
    rows.for_each_part([&](std::size_t part, std::size_t first, std::size_t count) {
      kernel.add_moments(elements<T>(x) + first, count, line.data(), sums.of(part));
    });
    ChannelPair moments = sums.all();
    const auto n = static_cast<double>(rows.pixels());
    for (std::size_t c = 0; c < rows.channels(); ++c) {
      const double distance = moments.first[c] / n;
      const double variance = moments.second[c] / n - distance * distance;
      moments.first[c] = static_cast<double>(pivot[c]) + distance;
      moments.second[c] = variance < 0 ? 0 : variance;  // NaN stays
    }
    return moments;
  });
}

void normalise(const torch::Tensor& x, const torch::Tensor& residual, const Scaling& scaling, Kept kept,
               const torch::Tensor& y) {
  const ChannelRows rows(x);
  const std::vector<float> scale = rows.spread(scaling.scale);
  const std::vector<float> shift = rows.spread(scaling.shift);
  const ChannelLine line{scale.data(), shift.data()};
  with_type_of(x, [&]<class T>(T /*tag*/) {
    const auto kernel = channel_kernel<T>();
    const T* from = elements<T>(x);
    const T* added = elements<T>(residual);
    T* to = elements<T>(y);
    rows.for_each_part([&](std::size_t /*part*/, std::size_t first, std::size_t count) {
      if (added == nullptr) {
        kernel.normalise(from + first, count, line, rows.period(), kept, to + first);
      } else {
        kernel.normalise_and_add(from + first, added + first, count, line, rows.period(), kept, to + first);
      }
    });
  });
}

ChannelPair gradient_sums(const torch::Tensor& gradient, const torch::Tensor& x, const Scaling& scaling, Kept kept,
                          std::span<const float> mean) {
  const ChannelRows rows(x);
  const std::vector<float> scale = rows.spread(scaling.scale);
  const std::vector<float> shift = rows.spread(scaling.shift);
  const std::vector<float> means = rows.spread(mean);
  const ChannelLine line{scale.data(), shift.data()};
  PartSums sums(rows);
  with_type_of(x, [&]<class T>(T /*tag*/) {
    const auto kernel = channel_kernel<T>();
    rows.for_each_part([&](std::size_t part, std::size_t first, std::size_t count) {
      kernel.add_gradients(elements<T>(gradient) + first, elements<T>(x) + first, count, line, kept, means.data(),
                           sums.of(part));
    });
  });
  return sums.all();
}

ChannelPair masked_gradient_sums(const torch::Tensor& gradient, const torch::Tensor& x, const torch::Tensor& y,
                                 std::span<const float> mean, const torch::Tensor& masked) {
  const ChannelRows rows(x);
  const std::vector<float> means = rows.spread(mean);
  PartSums sums(rows);
  with_type_of(x, [&]<class T>(T /*tag*/) {
    const auto kernel = channel_kernel<T>();
    rows.for_each_part([&](std::size_t part, std::size_t first, std::size_t count) {
      kernel.mask_and_add_gradients(elements<T>(gradient) + first, elements<T>(x) + first, elements<T>(y) + first,
                                    count, means.data(), sums.of(part), elements<T>(masked) + first);
    });
  });
  return sums.all();
}

void write_gradient(const torch::Tensor& gradient, const torch::Tensor& x, const Scaling& scaling, Kept kept,
                    const GradientScaling& gradient_scaling, std::span<const float> mean, const torch::Tensor& out) {
  const ChannelRows rows(x);
  const std::vector<float> scale = rows.spread(scaling.scale);
  const std::vector<float> shift = rows.spread(scaling.shift);
  const std::vector<float> gradient_scale = rows.spread(gradient_scaling.scale);
  const std::vector<float> slope = rows.spread(gradient_scaling.slope);
  const std::vector<float> gradient_shift = rows.spread(gradient_scaling.shift);
  const std::vector<float> means = rows.spread(mean);
  const ChannelLine line{scale.data(), shift.data()};
  const GradientLine gradient_line{gradient_scale.data(), slope.data(), means.data(), gradient_shift.data()};
  with_type_of(x, [&]<class T>(T /*tag*/) {
    const auto kernel = channel_kernel<T>();
    rows.for_each_part([&](std::size_t /*part*/, std::size_t first, std::size_t count) {
      kernel.write_gradients(elements<T>(gradient) + first, elements<T>(x) + first, count, line, kept, gradient_line,
                             rows.period(), elements<T>(out) + first);
    });
  });
}

}  // namespace margay::model::fused
