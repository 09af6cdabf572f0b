// A member that older LibTorch declares for all who derive from its batch norms and defines for itself alone
// (pytorch/pytorch issue 98907). Left out where LibTorch's header has the definition.
#include <cstddef>
#include <ios>
#include <ostream>

#include <torch/nn/modules/batchnorm.h>

namespace torch::nn {

template <std::size_t D, class Derived>
void BatchNormImplBase<D, Derived>::pretty_print(std::ostream& stream) const {
  stream << std::boolalpha << "torch::nn::BatchNorm" << D << "d(" << this->options.num_features()
         << ", eps=" << this->options.eps() << ", affine=" << this->options.affine()
         << ", track_running_stats=" << this->options.track_running_stats() << ')';
}

template void BatchNormImplBase<1, BatchNorm1dImpl>::pretty_print(std::ostream&) const;
template void BatchNormImplBase<2, BatchNorm2dImpl>::pretty_print(std::ostream&) const;

}  // namespace torch::nn
