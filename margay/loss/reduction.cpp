#include "margay/loss/reduction.h"

namespace margay::loss {

torch::Tensor reduce(const torch::Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::kMean:
      return losses.mean();
    case Reduction::kSum:
      return losses.sum();
    case Reduction::kNone:
      return losses;
  }
  return losses;
}

}  // namespace margay::loss
