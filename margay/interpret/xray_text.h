#pragma once

#include <string>

#include "margay/interpret/shown_classes.h"
#include "margay/interpret/sigmoid_xray.h"
#include "margay/interpret/softmax_xray.h"

namespace margay::interpret {

/// The X-ray for a terminal: what the columns mean, then for each row an aligned table, one line a class, and its
/// verdict, then the summary of several rows. '>' marks the target. Of more than kMostShown classes, Extent::kShort
/// shows the most probable and says what it left out. Lines end with a line break; the text is UTF-8.
std::string xray_text(const SoftmaxXray& xray, Extent extent = Extent::kShort);
std::string xray_text(const SigmoidXray& xray, Extent extent = Extent::kShort);

}  // namespace margay::interpret
