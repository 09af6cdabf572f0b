#pragma once

#include <cstdint>
#include <string>

#include "margay/export/onnx_builder.h"
#include "margay/predict/unknown_detector.h"

namespace margay::exporting {

/// The values that a detector looks at, by their names.
struct UnknownInputs {
  std::string logits;    ///< float [N,K]
  std::string features;  ///< float [N,D], pooled (model::pool_features)
  std::int64_t num_classes = 0;
};

/// What tells images of none of the classes, by the names of the values.
struct UnknownValues {
  std::string score;    ///< float [N], predict::UnknownScorer::scores
  std::string p_known;  ///< float [N], predict::UnknownDetector::p_known
};

/// Adds what a detector computes. Outputs that are not finite give results that are not, and a p_known that is refused.
/// With the guarantee `split`, and any score but `nearest`, of operators that OpenCV's dnn reads and computes, too.
UnknownValues add_unknown(OnnxBuilder& onnx, const predict::UnknownDetector& detector, const UnknownInputs& inputs);

}  // namespace margay::exporting
