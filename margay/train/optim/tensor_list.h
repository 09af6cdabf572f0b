#pragma once

#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>

namespace margay::train {

/// Tensors that are computed with as if they were one number, by LibTorch's multi-tensor operators: on a GPU a few
/// launches for all of them. What a temporary holds is overwritten, not copied.
class TensorList {
 public:
  using Ratio = std::vector<c10::Scalar>;  ///< a number for each tensor

  TensorList() = default;
  explicit TensorList(std::vector<at::Tensor> tensors) : tensors_(std::move(tensors)) {}

  const std::vector<at::Tensor>& tensors() const { return tensors_; }

  /// Writes into the tensors that it was made of, unlike `=`.
  void assign(const TensorList& other);

  TensorList& operator+=(const TensorList& b);
  TensorList& operator-=(const TensorList& b);
  TensorList& operator*=(double b);

  friend TensorList operator+(TensorList&& a, const TensorList& b) { return std::move(a += b); }
  friend TensorList operator-(const TensorList& a, const TensorList& b);
  friend TensorList operator*(TensorList&& a, const TensorList& b);
  friend TensorList operator/(TensorList&& a, const TensorList& b);
  friend TensorList operator+(TensorList&& a, double b);
  friend TensorList operator*(double a, const TensorList& b);
  friend TensorList operator*(double a, TensorList&& b) { return std::move(b *= a); }
  friend TensorList operator*(const Ratio& a, TensorList&& b);
  friend TensorList operator*(const Ratio& a, const TensorList& b);
  friend TensorList sqrt(TensorList&& a);
  friend TensorList sqrt(const TensorList& a);
  /// -1, 0 or 1; below 1e-31 in magnitude something between.
  friend TensorList sign(TensorList&& a);

  /// The sum of the squares of each, one copy from the device for all.
  std::vector<double> square_sums() const;

 private:
  std::vector<at::Tensor> tensors_;
};

}  // namespace margay::train
