#pragma once

#include <string>
#include <string_view>

#include "margay/predict/predictions.h"

namespace margay::predict {

/// Predictions as bytes, for another process of the same machine type and version: logits, targets, features and
/// p_known bit for bit, ids and skipped images.
std::string prediction_message(const Predictions& predictions);

/// The predictions of a message; probabilities and losses are computed anew. Throws core::Error for bytes that are no
/// whole message.
Predictions read_prediction_message(std::string_view message, metric::Activation activation);

}  // namespace margay::predict
