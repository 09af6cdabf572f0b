#pragma once

#include <optional>
#include <string>

#include "margay/model/architecture/architecture.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::model {

/// Of the tensors, to be recognised.
constexpr double kRecognisedShare = 0.75;

/// Which network some tensors are of.
struct Recognised {
  const Architecture* architecture;
  TensorMap tensors;   ///< under our names; a head that is not the published one behind "head."
  std::string naming;  ///< whose names they bore, as NamedWeights'
  double share;        ///< of the backbone's tensors, ours and the file's, that agree in name and number of values
};

/// How well they fit this network, whatever classes they were trained for.
Recognised recognise(const TensorMap& tensors, const Architecture& architecture);

/// The network that they fit best; nothing when less than three quarters agree with any. Builds networks of about that
/// size, so it takes seconds where none fits.
std::optional<Recognised> recognise(const TensorMap& tensors);

}  // namespace margay::model
