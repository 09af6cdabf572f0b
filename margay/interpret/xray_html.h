#pragma once

#include <string>
#include <vector>

#include "margay/chart/drawing.h"
#include "margay/interpret/xray.h"
#include "margay/interpret/xray_words.h"

namespace margay::interpret {

/// The X-ray as one self-contained HTML page, without scripts, fonts or network. It begins with the batch: the mean
/// loss, and each row's loss as a bar. Each row has its image if there is one, the curve of -log p with the row's point
/// and the point after a step, the table with probabilities and gradient as bars, and the verdict. Light or dark
/// follows the reader's system. `title` names what is explained; it and all names are escaped. images: a drawing for
/// each of the first rows, such as map_drawing's; a row beyond them, or whose drawing is empty, has none. Throws
/// std::invalid_argument for more images than rows.
std::string xray_html(const SoftmaxXray& xray, const std::string& title, Extent extent = Extent::kShort,
                      const std::vector<chart::Drawing>& images = {});
std::string xray_html(const SigmoidXray& xray, const std::string& title, Extent extent = Extent::kShort,
                      const std::vector<chart::Drawing>& images = {});

}  // namespace margay::interpret
