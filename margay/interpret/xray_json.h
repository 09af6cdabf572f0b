#pragma once

#include <string>

#include "margay/interpret/sigmoid_xray.h"
#include "margay/interpret/softmax_xray.h"

namespace margay::interpret {

/// The X-ray as one JSON document: `loss` ("cross_entropy" or "binary_cross_entropy"), `step`, `classes` [K], `rows`
/// [N], `summary`. The lists of a row have one number for each class, in the order of `classes`; numbers are float64 in
/// full, and infinite ones the texts "inf" and "-inf", which JSON has no numbers for. What needs a target is null
/// without. Names that are no UTF-8 are mended with U+FFFD.
std::string xray_json(const SoftmaxXray& xray);
std::string xray_json(const SigmoidXray& xray);

}  // namespace margay::interpret
