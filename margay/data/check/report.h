#pragma once

#include <cstdint>
#include <string>

#include "margay/chart/drawing.h"
#include "margay/core/image.h"
#include "margay/core/options.h"
#include "margay/data/check/check_data.h"
#include "margay/data/image/read_image.h"

namespace margay::data {

/// kShort: five findings of each kind, four files of each finding, the largest and the smallest classes.
enum class ReportExtent { kShort, kAll };

/// The report as text: findings by kind, each kind with its remedy; the classes as bars; a verdict on the last line.
std::string report_text(const DataReport& report, ReportExtent extent = ReportExtent::kShort);

/// The report as one JSON document with every finding. Invalid UTF-8 in names is replaced.
std::string report_json(const DataReport& report);

struct ContactSheetOptions {
  int max_tiles = 120;
  int columns = 6;
  int tile_px = 192;
  std::int64_t max_pixels = ReadOptions().max_pixels;  ///< as CheckOptions
  int deep_bits = ReadOptions().deep_bits;             ///< as CheckOptions

  static const core::OptionTable& fields();
};

/// The images of the findings, the worst first, each with its kind and name below it. Copies are placed
/// side by side, at most as many as there are columns. The tiles of one finding share a frame, which is red if the
/// finding harms training. A file that cannot be read becomes a grey tile with the reason. Images are read again. If no
/// finding has an image, one tile says so.
/// Throws std::invalid_argument for options out of range.
chart::Drawing contact_sheet_drawing(const DataReport& report, const ContactSheetOptions& options = {});

/// contact_sheet_drawing as pixels, uint8 [H,W,3].
core::Image contact_sheet(const DataReport& report, const ContactSheetOptions& options = {});

}  // namespace margay::data
