#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/types.h>

namespace margay::model::fused {

/// How the elements of a channels-last tensor [N,C,H,W] are gone through: rows of one pixel, or of so many that they
/// are a multiple of kRowMultiple long and not short; parts of rows that threads share. The parts depend on the shape
/// alone, so sums do not depend on the number of threads.
class ChannelRows {
 public:
  explicit ChannelRows(const torch::Tensor& x);

  std::size_t channels() const { return channels_; }
  std::size_t pixels() const { return elements_ / channels_; }
  /// Elements of a row, a multiple of channels(); the last row may be shorter.
  std::size_t period() const { return period_; }
  std::size_t parts() const { return parts_; }

  /// One number a channel, [C], spread over a row, [period].
  std::vector<float> spread(std::span<const float> channels) const;

  /// Calls work(part, first element, elements) for every part, in LibTorch's threads.
  template <class Work>
  void for_each_part(const Work& work) const {
    at::parallel_for(0, static_cast<std::int64_t>(parts_), 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto part = static_cast<std::size_t>(begin); part < static_cast<std::size_t>(end); ++part) {
        const std::size_t first = part * part_elements_;
        work(part, first, std::min(part_elements_, elements_ - first));
      }
    });
  }

 private:
  std::size_t channels_;
  std::size_t elements_;
  std::size_t period_;
  std::size_t part_elements_;
  std::size_t parts_;
};

}  // namespace margay::model::fused
