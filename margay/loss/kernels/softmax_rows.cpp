#include "margay/loss/kernels/softmax_rows.h"

#include <algorithm>
#include <vector>

#include <ATen/Parallel.h>

#include "margay/loss/kernels/row.h"

namespace margay::loss::kernels {
namespace {

/// Fewer elements than this are not worth a second thread.
constexpr std::int64_t kGrain = 32768;
/// Rows that are computed together: all are reduced, then all combined, then all written, so that the processor finds
/// work in one row while it waits for a sum or a logarithm of another. As many as fit its nearest cache, with their
/// memory.
template <class T>
class RowGroup {
 public:
  using A = typename Setting<T>::A;

  RowGroup(const Setting<T>& setting, std::size_t count)
      : exps_(count * setting.blocks.exps_end()),
        dense_(setting.targets.is_dense() ? count * classes(setting) : 0),
        sums_(count * setting.blocks.count()) {
    rows_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      rows_.emplace_back(setting, exps_.data() + i * setting.blocks.exps_end(),
                         dense_.data() + (setting.targets.is_dense() ? i * classes(setting) : 0),
                         sums_.data() + i * setting.blocks.count());
    }
  }
  Row<T>& operator[](std::int64_t i) { return rows_[static_cast<std::size_t>(i)]; }

  static std::size_t size_for(const Setting<T>& setting) {
    constexpr std::size_t kMost = 16;
    constexpr std::size_t kElements = 8192;
    return std::clamp<std::size_t>(kElements / classes(setting), 1, kMost);
  }

 private:
  static std::size_t classes(const Setting<T>& setting) { return static_cast<std::size_t>(setting.classes); }

  std::vector<A> exps_;
  std::vector<A> dense_;
  std::vector<BlockSums<A>> sums_;
  std::vector<Row<T>> rows_;
};

template <class T>
class Runner {
 public:
  Runner(const SoftmaxRows& rows, const CrossEntropyOptions& options)
      : rows_(rows),
        setting_(rows, options),
        logits_(rows.logits.data_ptr<T>()),
        gradient_(rows.gradient.defined() ? rows.gradient.data_ptr<T>() : nullptr) {}

  void run() {
    const std::int64_t count = rows_.logits.size(0);
    const bool few_rows = count < at::get_num_threads() && setting_.classes >= 2 * kGrain;
    if (few_rows) {
      RowGroup<T> group(setting_, 1);
      for (std::int64_t r = 0; r < count; ++r)
        run_group(group, r, r + 1, [&](const auto& work) { share_blocks(work); });
    } else {
      const std::int64_t grain = std::max<std::int64_t>(1, kGrain / setting_.classes);
      at::parallel_for(0, count, grain, [&](std::int64_t begin, std::int64_t end) { run_rows(begin, end); });
    }
  }

 private:
  void run_rows(std::int64_t begin, std::int64_t end) {
    const auto size = static_cast<std::int64_t>(RowGroup<T>::size_for(setting_));
    RowGroup<T> group(setting_, static_cast<std::size_t>(std::min(size, end - begin)));
    for (std::int64_t r = begin; r < end; r += size) {
      run_group(group, r, std::min(r + size, end), [&](const auto& work) {
        for (std::size_t b = 0; b < setting_.blocks.count(); ++b) work(b);
      });
    }
    if (setting_.streams) setting_.kernel.finish_streaming();
  }

  template <class Work>
  void share_blocks(const Work& work) const {
    const auto count = static_cast<std::int64_t>(setting_.blocks.count());
    at::parallel_for(0, count, kGrain / static_cast<std::int64_t>(kLargestBlock),
                     [&](std::int64_t b, std::int64_t end) {
                       for (; b < end; ++b) work(static_cast<std::size_t>(b));
                       if (setting_.streams) setting_.kernel.finish_streaming();
                     });
  }

  template <class ForBlocks>
  void run_group(RowGroup<T>& group, std::int64_t begin, std::int64_t end, const ForBlocks& for_blocks) {
    for (std::int64_t r = begin; r < end; ++r) {
      Row<T>& row = group[r - begin];
      row.begin(logits_ + r * setting_.classes, r);
      if (!row.is_ignored()) for_blocks([&](std::size_t b) { row.reduce(b); });
    }
    for (std::int64_t r = begin; r < end; ++r) finish_sums(group[r - begin], r);
    if (gradient_ == nullptr) return;
    for (std::int64_t r = begin; r < end; ++r) {
      Row<T>& row = group[r - begin];
      T* gradient = gradient_ + r * setting_.classes;
      if (row.is_ignored()) {
        std::fill_n(gradient, setting_.classes, T(0));
      } else {
        for_blocks([&](std::size_t b) { row.write(gradient, b); });
      }
    }
  }

  void finish_sums(Row<T>& row, std::int64_t r) {
    const double loss = row.is_ignored() ? 0 : row.combine();
    if (rows_.losses != nullptr) rows_.losses[r] = loss;
    if (gradient_ != nullptr && !row.is_ignored()) {
      row.prepare_to_write(rows_.scale * (rows_.row_scales == nullptr ? 1 : rows_.row_scales[r]));
    }
  }

  const SoftmaxRows& rows_;
  Setting<T> setting_;
  const T* logits_;
  T* gradient_;
};

}  // namespace

double total_count(const torch::Tensor& targets, std::int64_t num_classes, const CrossEntropyOptions& options) {
  return RowTargets<double>(targets, num_classes, options).total_count();
}

void run(const SoftmaxRows& rows, const CrossEntropyOptions& options) {
  switch (rows.logits.scalar_type()) {
    case torch::kDouble:
      return Runner<double>(rows, options).run();
    case torch::kBFloat16:
      return Runner<c10::BFloat16>(rows, options).run();
    case torch::kHalf:
      return Runner<c10::Half>(rows, options).run();
    default:
      return Runner<float>(rows, options).run();
  }
}

}  // namespace margay::loss::kernels
