#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include <torch/types.h>

#include "margay/loss/cross_entropy.h"
#include "margay/loss/kernels/block_kernel.h"
#include "margay/loss/kernels/softmax_rows.h"

namespace margay::loss::kernels {

/// Gradients larger than this leave the caches before anybody reads them, so they are written past them.
constexpr std::int64_t kStreamBytes = std::int64_t{32} << 20;

template <class T>
struct KernelTypeOf {
  using Type = T;
};
template <>
struct KernelTypeOf<c10::BFloat16> {
  using Type = hwy::bfloat16_t;
};
template <>
struct KernelTypeOf<c10::Half> {
  using Type = hwy::float16_t;
};

/// How a row of K elements is cut: the last block is what remains. Full blocks keep the alignment of the row.
class Blocks {
 public:
  explicit Blocks(std::int64_t classes)
      : classes_(static_cast<std::size_t>(classes)), count_((classes_ + kLargestBlock - 1) / kLargestBlock) {}
  std::size_t count() const { return count_; }
  static std::size_t begin(std::size_t block) { return block * kLargestBlock; }
  std::size_t size(std::size_t block) const { return std::min(kLargestBlock, classes_ - begin(block)); }
  /// Where a block's exponentials begin, and where all of them end.
  static std::size_t exps_begin(std::size_t block) { return block * (kLargestBlock + kPadding); }
  std::size_t exps_end() const { return exps_begin(count_ - 1) + size(count_ - 1) + kPadding; }

 private:
  std::size_t classes_;
  std::size_t count_;
};

/// What all rows of one call share.
template <class T>
struct Setting {
  using Kernel = typename KernelTypeOf<T>::Type;
  using A = Accumulator<Kernel>;

  Setting(const SoftmaxRows& rows, const CrossEntropyOptions& options)
      : classes(rows.logits.size(1)),
        blocks(classes),
        targets(rows.targets, classes, options),
        inverse_temperature(1 / options.temperature),
        z_loss(options.z_loss),
        streams(rows.logits.numel() * static_cast<std::int64_t>(sizeof(T)) > kStreamBytes),
        needs_distance(options.label_smoothing != 0 || options.temperature != 1) {}

  std::int64_t classes;
  Blocks blocks;
  RowTargets<A> targets;
  BlockKernel<Kernel> kernel = block_kernel<Kernel>();
  double inverse_temperature;
  double z_loss;
  bool streams;
  bool needs_distance;
};

/// One row at a time: reduce() its blocks, combine() them, write() the gradient's blocks. Reducing and writing
/// different blocks may happen in different threads.
template <class T>
class Row {
 public:
  using Kernel = typename Setting<T>::Kernel;
  using A = typename Setting<T>::A;

  /// Memory for the row at hand: exponentials [blocks.exps_end()], coefficients [K] if dense, sums [blocks.count()].
  Row(const Setting<T>& setting, A* exps, A* dense, BlockSums<A>* sums)
      : setting_(setting), exps_(exps), dense_(dense), sums_(sums, setting.blocks.count()) {}

  void begin(const T* logits, std::int64_t r) {
    logits_ = logits;
    target_ = setting_.targets.row(r, dense_);
  }
  bool is_ignored() const { return target_.is_ignored; }

  void reduce(std::size_t block) {
    const std::size_t begin = Blocks::begin(block);
    const std::size_t size = setting_.blocks.size(block);
    const auto* z = reinterpret_cast<const Kernel*>(logits_) + begin;
    A* exps = exps_ + Blocks::exps_begin(block);
    const auto inverse_temperature = static_cast<A>(setting_.inverse_temperature);
    if (target_.dense != nullptr) {
      sums_[block] =
          setting_.kernel.exps_and_weighted_distance(z, size, inverse_temperature, exps, target_.dense + begin);
    } else if (setting_.needs_distance) {
      sums_[block] = setting_.kernel.exps_and_distance(z, size, inverse_temperature, exps);
    } else {
      sums_[block] = setting_.kernel.exps(z, size, exps);
    }
  }

  /// Returns the row's loss.
  double combine() {
    max_ = -std::numeric_limits<double>::infinity();
    for (const BlockSums<A>& each : sums_) max_ = std::max(max_, static_cast<double>(each.max));
    exp_ = 0;
    for (const BlockSums<A>& each : sums_) exp_ += static_cast<double>(each.exp) * shrink(each);
    const double log_exp = std::log(exp_);
    const double log_z = max_ * setting_.inverse_temperature + log_exp;
    const double total = wanted_total();
    slope_ = total * (1 + 2 * setting_.z_loss * log_z);
    return total * (log_exp + setting_.z_loss * log_z * log_z) -
           setting_.inverse_temperature * (wanted_index() + wanted_uniform() + wanted_dense());
  }

  /// scale: what the gradient is multiplied by. `gradient` may be the logits.
  void prepare_to_write(double scale) {
    scale_ = scale * setting_.inverse_temperature;
    if (target_.index >= 0) at_target_ = gradient_at(target_.index);
  }
  void write(T* gradient, std::size_t block) const {
    const std::size_t begin = Blocks::begin(block);
    const std::size_t size = setting_.blocks.size(block);
    const A* exps = exps_ + Blocks::exps_begin(block);
    auto* out = reinterpret_cast<Kernel*>(gradient) + begin;
    const auto factor = static_cast<A>(scale_ * slope_ * shrink(sums_[block]) / exp_);
    const auto uniform = static_cast<A>(scale_ * target_.uniform);
    if (target_.dense != nullptr) {
      setting_.kernel.weighted_gradient(exps, size, factor, uniform, target_.dense + begin, static_cast<A>(scale_),
                                        out);
    } else {
      (setting_.streams ? setting_.kernel.stream_gradient : setting_.kernel.gradient)(exps, size, factor, uniform, out);
    }
    const std::int64_t y = target_.index - static_cast<std::int64_t>(begin);
    if (target_.index >= 0 && y >= 0 && y < static_cast<std::int64_t>(size)) {
      gradient[target_.index] = static_cast<T>(static_cast<A>(at_target_));
    }
  }

 private:
  /// exp((m - M) / temperature): exponentials of a block are relative to its own largest logit m, not the row's M.
  double shrink(const BlockSums<A>& sums) const {
    if (static_cast<double>(sums.max) == max_) return 1;
    return std::exp((static_cast<double>(sums.max) - max_) * setting_.inverse_temperature);
  }
  double distance(std::int64_t k) const { return static_cast<double>(logits_[k]) - max_; }

  /// Σ_k c_k.
  double wanted_total() const {
    double total = target_.onehot + target_.uniform * static_cast<double>(setting_.classes);
    if (target_.dense == nullptr) return total;
    for (const BlockSums<A>& each : sums_) total += static_cast<double>(each.weight);
    return total;
  }
  double wanted_index() const { return target_.onehot == 0 ? 0 : target_.onehot * distance(target_.index); }
  double wanted_uniform() const {
    if (target_.uniform == 0) return 0;
    double sum = 0;
    for (std::size_t b = 0; b < sums_.size(); ++b) {
      sum += sum_of_distances(sums_[b], static_cast<double>(setting_.blocks.size(b)));
    }
    return target_.uniform * sum;
  }
  double wanted_dense() const {
    double sum = 0;
    if (target_.dense == nullptr) return sum;
    for (const BlockSums<A>& each : sums_) sum += sum_of_distances(each, static_cast<double>(each.weight));
    return sum;
  }
  /// Σ c (z - M) of a block whose own sum is relative to m.
  double sum_of_distances(const BlockSums<A>& sums, double weight) const {
    return static_cast<double>(sums.distance) / kDistanceUnit + weight * (static_cast<double>(sums.max) - max_);
  }

  /// The gradient of one class in double: near p = 1 its parts nearly cancel.
  double gradient_at(std::int64_t k) const {
    const auto exponential = std::exp(static_cast<A>(distance(k) * setting_.inverse_temperature));
    const double p = static_cast<double>(exponential) / exp_;
    const double dense = target_.dense == nullptr ? 0 : static_cast<double>(target_.dense[k]);
    return scale_ * (slope_ * p - target_.onehot - target_.uniform - dense);
  }

  const Setting<T>& setting_;
  A* exps_;
  A* dense_;
  std::span<BlockSums<A>> sums_;
  const T* logits_ = nullptr;
  RowTarget<A> target_;
  double max_ = 0;    ///< M
  double exp_ = 0;    ///< Σ exp((z - M) / temperature)
  double slope_ = 0;  ///< the gradient is slope · p - c
  double scale_ = 0;
  double at_target_ = 0;  ///< taken before the logits may be overwritten
};

}  // namespace margay::loss::kernels
