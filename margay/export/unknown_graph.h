#pragma once

#include <string>

#include "margay/export/onnx_builder.h"
#include "margay/predict/unknown_detector.h"

namespace margay::exporting {

/// What tells images of none of the classes, by the names of the values.
struct UnknownValues {
  std::string score;    ///< float [N], predict::UnknownScorer::scores
  std::string p_known;  ///< float [N], predict::UnknownDetector::p_known
};

/// Adds what a detector computes. logits: the value float [N,K]; features: float [N,D], pooled (model::pool_features).
/// Outputs that are not finite give results that are not.
UnknownValues add_unknown(OnnxBuilder& onnx, const predict::UnknownDetector& detector, const std::string& logits,
                          const std::string& features);

}  // namespace margay::exporting
