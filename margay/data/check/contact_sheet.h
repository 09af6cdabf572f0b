#pragma once

#include <cstdint>

#include "margay/core/image.h"
#include "margay/core/options.h"
#include "margay/data/check/data_report.h"
#include "margay/data/image/read_options.h"

namespace margay::data {

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
