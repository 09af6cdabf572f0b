#pragma once

#include <string>

#include "margay/interpret/xray.h"
#include "margay/interpret/xray_words.h"

namespace margay::interpret {

/// The X-ray for a terminal: the meaning of the columns, then for each row an aligned table with one line per class and
/// a verdict, then a summary if there are several rows. '>' marks the target. With more than kMostShown classes,
/// Extent::kShort shows the most probable ones and says how many are left out. Lines end with a line break; the text is
/// UTF-8.
std::string xray_text(const SoftmaxXray& xray, Extent extent = Extent::kShort);
std::string xray_text(const SigmoidXray& xray, Extent extent = Extent::kShort);

/// The X-ray as one JSON document: `loss` ("cross_entropy" or "binary_cross_entropy"), `step`, `classes` [K], `rows`
/// [N], `summary`. The lists of a row have one number for each class, in the order of `classes`; numbers are float64
/// with all digits, and infinite ones are the texts "inf" and "-inf", since JSON has no such numbers. Values that need
/// a target are null without one. Invalid UTF-8 in names is replaced by U+FFFD.
std::string xray_json(const SoftmaxXray& xray);
std::string xray_json(const SigmoidXray& xray);

}  // namespace margay::interpret
