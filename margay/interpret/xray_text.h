#pragma once

#include <string>

#include "margay/interpret/xray.h"
#include "margay/interpret/xray_words.h"

namespace margay::interpret {

/// The X-ray for a terminal: what the columns mean, then for each row an aligned table, one line a class, and its
/// verdict, then the summary of several rows. '>' marks the target. Of more than kMostShown classes, Extent::kShort
/// shows the most probable and says what it left out. Lines end with a line break; the text is UTF-8.
std::string xray_text(const SoftmaxXray& xray, Extent extent = Extent::kShort);
std::string xray_text(const SigmoidXray& xray, Extent extent = Extent::kShort);

/// The X-ray as one JSON document: `loss` ("cross_entropy" or "binary_cross_entropy"), `step`, `classes` [K], `rows`
/// [N], `summary`. The lists of a row have one number for each class, in the order of `classes`; numbers are float64 in
/// full, and infinite ones the texts "inf" and "-inf", which JSON has no numbers for. What needs a target is null
/// without. Names that are no UTF-8 are mended with U+FFFD.
std::string xray_json(const SoftmaxXray& xray);
std::string xray_json(const SigmoidXray& xray);

}  // namespace margay::interpret
