#include "margay/train/optim/tensor_list.h"

#include <limits>

#include <torch/types.h>

namespace margay::train {

void TensorList::assign(const TensorList& other) {
  at::_foreach_zero_(tensors_);
  at::_foreach_add_(tensors_, other.tensors_);
}

TensorList& TensorList::operator+=(const TensorList& b) {
  at::_foreach_add_(tensors_, b.tensors_);
  return *this;
}

TensorList& TensorList::operator-=(const TensorList& b) {
  at::_foreach_sub_(tensors_, b.tensors_);
  return *this;
}

TensorList& TensorList::operator*=(double b) {
  at::_foreach_mul_(tensors_, c10::Scalar(b));
  return *this;
}

TensorList operator-(const TensorList& a, const TensorList& b) {
  return TensorList(at::_foreach_sub(a.tensors_, b.tensors_));
}

TensorList operator*(TensorList&& a, const TensorList& b) {
  at::_foreach_mul_(a.tensors_, b.tensors_);
  return std::move(a);
}

TensorList operator/(TensorList&& a, const TensorList& b) {
  at::_foreach_div_(a.tensors_, b.tensors_);
  return std::move(a);
}

TensorList operator+(TensorList&& a, double b) {
  at::_foreach_add_(a.tensors_, c10::Scalar(b));
  return std::move(a);
}

TensorList operator*(double a, const TensorList& b) { return TensorList(at::_foreach_mul(b.tensors_, c10::Scalar(a))); }

TensorList operator*(const TensorList::Ratio& a, TensorList&& b) {
  at::_foreach_mul_(b.tensors_, a);
  return std::move(b);
}

TensorList operator*(const TensorList::Ratio& a, const TensorList& b) {
  return TensorList(at::_foreach_mul(b.tensors_, a));
}

TensorList sqrt(TensorList&& a) {
  at::_foreach_sqrt_(a.tensors_);
  return std::move(a);
}

TensorList sqrt(const TensorList& a) { return TensorList(at::_foreach_sqrt(a.tensors_)); }

TensorList sign(TensorList&& a) {  // LibTorch has _foreach_sign only since 2.1
  std::vector<at::Tensor> magnitude = at::_foreach_abs(a.tensors_);
  at::_foreach_add_(magnitude, c10::Scalar(std::numeric_limits<float>::min()));
  at::_foreach_div_(a.tensors_, magnitude);
  return std::move(a);
}

std::vector<double> TensorList::square_sums() const {
  const at::Tensor norms = at::stack(at::_foreach_norm(tensors_)).to(at::kCPU, at::kDouble);
  const at::Tensor squares = norms.square();
  return {squares.data_ptr<double>(), squares.data_ptr<double>() + squares.numel()};
}

}  // namespace margay::train
