#pragma once

#include <cstdint>
#include <string>

#include "margay/core/image.h"
#include "margay/core/options.h"
#include "margay/data/check/check_data.h"
#include "margay/data/image/read_image.h"

namespace margay::data {

/// kShort: of each kind five findings, of each finding four files, of the classes the largest and the smallest.
enum class ReportExtent { kShort, kAll };

/// The report for people: findings by kind, each kind with its remedy; the classes as bars; a verdict on the last line.
std::string report_text(const DataReport& report, ReportExtent extent = ReportExtent::kShort);

/// One JSON document with every finding. What is no UTF-8 in a name is replaced.
std::string report_json(const DataReport& report);

struct ContactSheetOptions {
  int max_tiles = 120;
  int columns = 6;
  int tile_px = 192;
  std::int64_t max_pixels = ReadOptions().max_pixels;  ///< as CheckOptions

  static const core::OptionTable& fields();
};

/// The images of the findings, the worst first, above their kind and name: uint8 [H,W,3]. Copies stand side by side,
/// at most as many as there are columns; a frame around the tiles of one finding is red where it harms. What cannot be
/// read is a grey tile with the reason. Reads the images again. Where no finding has an image, one tile says so.
/// Throws std::invalid_argument for options out of range.
core::Image contact_sheet(const DataReport& report, const ContactSheetOptions& options = {});

}  // namespace margay::data
