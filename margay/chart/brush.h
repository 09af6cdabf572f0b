#pragma once

#include <cstdint>
#include <vector>

#include "margay/chart/chart_palette.h"
#include "margay/chart/drawing.h"
#include "margay/core/image.h"

namespace margay::chart {

/// Lays a colour over a pixel, uint8 [3]. share: 0 leaves it as it is, 1 replaces it.
void blend(std::uint8_t* pixel, const Rgb& colour, double share);

/// A line with round ends and corners, its edges smooth: each pixel takes as much of the colour as the line covers of
/// it (to first order, by the distance of the pixel's middle). A single point is a disc. dashes: lengths of line and
/// gap in turn, none for a solid line.
void paint_line(const PlotRun& points, double width_px, const Rgb& colour, const std::vector<double>& dashes,
                core::Image& image);

void paint_disc(const PlotPoint& centre, double radius_px, const Rgb& colour, core::Image& image);

/// Text as draw_caption writes it, but at any place and in any colour.
void paint_text(const DrawnText& text, const Rgb& colour, core::Image& image);

}  // namespace margay::chart
