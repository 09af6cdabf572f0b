#include "margay/loss/kernels/softmax_rows.h"

#include <algorithm>
#include <type_traits>

#include <ATen/Parallel.h>

#include "margay/loss/kernels/row.h"

namespace margay::loss::kernels {
namespace {

template <class A>
torch::ScalarType scalar_type() {
  return std::is_same_v<A, double> ? torch::kDouble : torch::kFloat;
}

template <class A, class Q>
void copy_row(const torch::Tensor& rows, std::int64_t r, A* to) {
  const Q* from = rows.data_ptr<Q>() + r * rows.size(1);
  for (std::int64_t k = 0; k < rows.size(1); ++k) to[k] = static_cast<A>(from[k]);
}

/// Row r in the accumulator's type: the tensor's own memory where that has it, otherwise the buffer.
template <class A>
const A* row_as(const torch::Tensor& rows, std::int64_t r, A* buffer) {
  if (rows.scalar_type() == scalar_type<A>()) return rows.data_ptr<A>() + r * rows.size(1);
  switch (rows.scalar_type()) {
    case torch::kDouble:
      copy_row<A, double>(rows, r, buffer);
      break;
    case torch::kBFloat16:
      copy_row<A, c10::BFloat16>(rows, r, buffer);
      break;
    case torch::kHalf:
      copy_row<A, c10::Half>(rows, r, buffer);
      break;
    default:
      copy_row<A, float>(rows, r, buffer);
  }
  return buffer;
}

}  // namespace

template <class A>
RowTargets<A>::RowTargets(const torch::Tensor& targets, std::int64_t num_classes, const CrossEntropyOptions& options)
    : rows_(targets.size(0)),
      classes_(num_classes),
      weights_(options.class_weights),
      weighting_(options.class_weighting),
      smoothing_(options.label_smoothing),
      ignore_index_(options.ignore_index) {
  if (targets.is_floating_point()) {
    soft_ = targets.contiguous();
    return;
  }
  indices_ = targets.to(torch::kLong).contiguous();
  index_ = indices_.data_ptr<std::int64_t>();
  if (smoothing_ == 0 || weights_.empty() || weighting_ == ClassWeighting::kPerExample) return;
  for (const double w : weights_)
    fixed_dense_.push_back(static_cast<A>(smoothing_ * w / static_cast<double>(classes_)));
}

template <class A>
RowTarget<A> RowTargets<A>::row(std::int64_t r, A* buffer) const {
  return index_ != nullptr ? index_row(r) : soft_row(r, buffer);
}

template <class A>
RowTarget<A> RowTargets<A>::index_row(std::int64_t r) const {
  const std::int64_t y = index_[r];
  if (y == ignore_index_) return {.is_ignored = true};
  const double w = weight_of(y);
  RowTarget<A> row{.index = y, .onehot = (1 - smoothing_) * w};
  if (fixed_dense_.empty()) {
    row.uniform = smoothing_ * w / static_cast<double>(classes_);
  } else {
    row.dense = fixed_dense_.data();
  }
  return row;
}

template <class A>
RowTarget<A> RowTargets<A>::soft_row(std::int64_t r, A* buffer) const {
  const A* q = row_as(soft_, r, buffer);
  if (weights_.empty() && smoothing_ == 0) return {.dense = q};
  const bool per_class = !weights_.empty() && weighting_ == ClassWeighting::kPerClass;
  const double count = weights_.empty() || per_class ? 1 : count_of(q);
  const double spread = smoothing_ / static_cast<double>(classes_);
  for (std::int64_t k = 0; k < classes_; ++k) {
    const double smoothed = (1 - smoothing_) * static_cast<double>(q[k]) + spread;
    buffer[k] = static_cast<A>(smoothed * (per_class ? weight_of(k) : count));
  }
  return {.dense = buffer};
}

template <class A>
double RowTargets<A>::count_of(const A* q) const {
  double count = 0;
  for (std::int64_t k = 0; k < classes_; ++k) count += weight_of(k) * static_cast<double>(q[k]);
  return count;
}

template <class A>
double RowTargets<A>::total_count() const {
  std::vector<A> buffer(soft_.defined() ? static_cast<std::size_t>(classes_) : 0);
  double total = 0;
  for (std::int64_t r = 0; r < rows_; ++r) {
    if (soft_.defined()) {
      total += count_of(row_as(soft_, r, buffer.data()));
    } else if (const std::int64_t y = index_[r]; y != ignore_index_) {
      total += weight_of(y);
    }
  }
  return total;
}

template class RowTargets<float>;
template class RowTargets<double>;

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
