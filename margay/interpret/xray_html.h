#pragma once

#include <string>

#include "margay/interpret/xray.h"
#include "margay/interpret/xray_words.h"

namespace margay::interpret {

/// The X-ray as one HTML page that needs nothing else: no script, no font, no image, no network. For each row the
/// curve of -log p with its point and where a step takes it, the table with probabilities and gradient as bars, and the
/// verdict; before them the batch: its mean loss, and each row's loss as a bar. Light or dark as the reader's system
/// is. `title` says what is explained; it and all names are escaped.
std::string xray_html(const SoftmaxXray& xray, const std::string& title, Extent extent = Extent::kShort);
std::string xray_html(const SigmoidXray& xray, const std::string& title, Extent extent = Extent::kShort);

}  // namespace margay::interpret
