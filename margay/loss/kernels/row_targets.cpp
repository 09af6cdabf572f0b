#include "margay/loss/kernels/row_targets.h"

#include <type_traits>

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

}  // namespace margay::loss::kernels
