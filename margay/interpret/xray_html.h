#pragma once

#include <string>

#include "margay/interpret/xray.h"
#include "margay/interpret/xray_words.h"

namespace margay::interpret {

/// The X-ray as one self-contained HTML page, without scripts, fonts, images or network. It begins with the batch: the
/// mean loss, and each row's loss as a bar. Each row has the curve of -log p with the row's point and the point after a
/// step, the table with probabilities and gradient as bars, and the verdict. Light or dark follows the reader's system.
/// `title` names what is explained; it and all names are escaped.
std::string xray_html(const SoftmaxXray& xray, const std::string& title, Extent extent = Extent::kShort);
std::string xray_html(const SigmoidXray& xray, const std::string& title, Extent extent = Extent::kShort);

}  // namespace margay::interpret
