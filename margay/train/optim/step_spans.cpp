#include <algorithm>
#include <array>
#include <cstdint>

#include <ATen/Parallel.h>
#include <torch/types.h>

#include "margay/train/optim/parameter_slot.h"
#include "margay/train/optim/rules/span_passes.h"
#include "margay/train/precision/gradients.h"

namespace margay::train {
namespace {

namespace detail {

/// The number of elements converted at a time: their float gradients fit into the first-level cache.
inline constexpr std::int64_t kHalfLength = 1 << 11;

template <class T>
void widen(const T* from, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(from[i]);
}

template <class T>
void round(const float* from, T* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(from[i]);
}

/// Where the parameter differs from its rounded master, it was changed from outside (by loading weights, say); the
/// master then follows it.
template <class T>
void follow(const T* parameter, float* master, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto value = static_cast<float>(parameter[i]);
    master[i] = static_cast<float>(static_cast<T>(master[i])) == value ? master[i] : value;
  }
}

inline float* plus(float* pointer, std::int64_t offset) { return pointer == nullptr ? nullptr : pointer + offset; }

template <class T, class Call>
SquareSums step_half_span(const rules::Spans& spans, T* parameter, const T* gradient, const Call& call) {
  std::array<float, kHalfLength> wide;
  SquareSums sums;
  for (std::int64_t i = 0; i < spans.n; i += kHalfLength) {
    const std::int64_t n = std::min(kHalfLength, spans.n - i);
    float* const master = spans.parameter + i;
    follow(parameter + i, master, n);
    widen(gradient + i, wide.data(), n);
    const SquareSums part =
        call({master, wide.data(), plus(spans.avg, i), plus(spans.sqr_avg, i), plus(spans.slow, i), n});
    sums.parameter += part.parameter;
    sums.measured += part.measured;
    round(master, parameter + i, n);
  }
  return sums;
}

}  // namespace detail

/// Calls call(Spans) for part after part of a parameter in bfloat16 or float16 whose float32 master is
/// spans.parameter: with its gradient as float32, and afterwards rounds the master into it. begin: where the spans
/// begin in parameter and gradient. Returns the sum of what the calls return.
template <class Call>
SquareSums step_half_span(const rules::Spans& spans, const at::Tensor& parameter, const at::Tensor& gradient,
                          std::int64_t begin, const Call& call) {
  const auto with = [&]<class T>(T* data) {
    return detail::step_half_span(spans, data + begin, gradient.data_ptr<T>() + begin, call);
  };
  return parameter.scalar_type() == torch::kHalf ? with(parameter.data_ptr<c10::Half>())
                                                 : with(parameter.data_ptr<c10::BFloat16>());
}

using rules::SpanPass;
using rules::Spans;

/// A part of one parameter. Where the parts end depends on nothing but the parameter, so neither do sums over them.
struct Block {
  std::int64_t start;  ///< counting the elements of all parameters
  std::size_t step;
  std::int64_t begin;  ///< within the parameter
  std::int64_t end;
};

constexpr std::int64_t kBlock = 1 << 13;  // 32 KiB of each array

class SpanStepper {
 public:
  SpanStepper(const std::vector<ParameterStep>& steps, const OptimizerOptions& options)
      : steps_(steps), options_(options), ratios_(steps.size(), 1) {
    for (std::size_t i = 0; i < steps.size(); ++i) add_blocks(i);
  }

  void run(const rules::SpanRule& rule) {
    if (rule.measure != nullptr) {
      std::vector<SquareSums> sums(blocks_.size());
      for_each_block([&](std::size_t i) { sums[i] = pass(rule.measure, blocks_[i]); });
      set_ratios(sums);
    }
    for_each_block([&](std::size_t i) { pass(rule.step, blocks_[i]); });
  }

 private:
  void add_blocks(std::size_t step) {
    const std::int64_t n = steps_[step].slot->parameter.numel();
    for (std::int64_t begin = 0; begin < n; begin += kBlock) {
      const std::int64_t end = std::min(n, begin + kBlock);
      blocks_.push_back({total_, step, begin, end});
      total_ += end - begin;
    }
  }

  /// One parallel region: a thread takes the blocks that start in its share of all elements.
  template <class Work>
  void for_each_block(const Work& work) const {
    at::parallel_for(0, total_, kThreadGrain, [&](std::int64_t begin, std::int64_t end) {
      const auto starts_before = [](const Block& block, std::int64_t start) { return block.start < start; };
      auto block = std::lower_bound(blocks_.begin(), blocks_.end(), begin, starts_before);
      for (; block != blocks_.end() && block->start < end; ++block) {
        work(static_cast<std::size_t>(block - blocks_.begin()));
      }
    });
  }

  SquareSums pass(SpanPass function, const Block& block) const {
    const ParameterStep& step = steps_[block.step];
    const ParameterSlot& slot = *step.slot;
    const auto part = [&](Memory memory) {
      return slot[memory].defined() ? slot[memory].data_ptr<float>() + block.begin : nullptr;
    };
    Spans spans{.avg = part(Memory::kAvg),
                .sqr_avg = part(Memory::kSqrAvg),
                .slow = part(Memory::kSlow),
                .n = block.end - block.begin};
    const auto call = [&](const Spans& each) { return function(each, step.numbers, ratios_[block.step]); };
    if (slot.is_half()) {
      spans.parameter = part(Memory::kMaster);
      return step_half_span(spans, slot.parameter, step.gradient, block.begin, call);
    }
    spans.parameter = slot.parameter.data_ptr<float>() + block.begin;
    spans.gradient = step.gradient.data_ptr<float>() + block.begin;
    return call(spans);
  }

  void set_ratios(const std::vector<SquareSums>& sums) {
    std::vector<SquareSums> of_step(steps_.size());
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      of_step[blocks_[i].step].parameter += sums[i].parameter;
      of_step[blocks_[i].step].measured += sums[i].measured;
    }
    for (std::size_t i = 0; i < steps_.size(); ++i) ratios_[i] = trust_ratio(options_, steps_[i].numbers, of_step[i]);
  }

  const std::vector<ParameterStep>& steps_;
  const OptimizerOptions& options_;
  std::vector<Block> blocks_;
  std::int64_t total_ = 0;
  std::vector<double> ratios_;  ///< one per step
};

}  // namespace

bool can_step_spans(const at::Tensor& parameter) {
  const bool is_known = parameter.scalar_type() == torch::kFloat || parameter.scalar_type() == torch::kBFloat16 ||
                        parameter.scalar_type() == torch::kHalf;
  return parameter.is_cpu() && is_known && parameter.is_non_overlapping_and_dense();
}

void step_spans(const std::vector<ParameterStep>& steps, const OptimizerOptions& options) {
  SpanStepper(steps, options).run(rules::span_rule(options.kind));
  const std::vector<ParameterStep> meetings = meetings_of(steps, options);
  if (!meetings.empty()) SpanStepper(meetings, options).run({.step = rules::span_lookahead()});
}

}  // namespace margay::train
