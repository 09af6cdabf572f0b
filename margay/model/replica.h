#pragma once

#include <memory>

#include "margay/model/classifier.h"

namespace margay::model {

/// A second network with the parameters of another one: they share memory, but each has gradients and buffers of its
/// own, so that several threads can compute gradients at once.
class Replica {
 public:
  /// Draws nothing from LibTorch's generators. The original must stay on its device and keep its tensors.
  explicit Replica(std::shared_ptr<Classifier> original);

  /// Takes over what may have changed in the original: which parameters are trained, which modules are in train mode,
  /// and the buffers' values. Returns the network.
  Classifier& follow();

 private:
  std::shared_ptr<Classifier> original_;
  std::shared_ptr<Classifier> network_;
};

}  // namespace margay::model
