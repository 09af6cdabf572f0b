#pragma once

#include <cstdint>
#include <tuple>

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

  static constexpr const char* kName = "contact_sheet";
  static constexpr auto fields() {
    return std::tuple{core::field("max_tiles", &ContactSheetOptions::max_tiles, "pictures to show", {1, 1024}),
                      core::field("columns", &ContactSheetOptions::columns, "tiles side by side", {1, 64}),
                      core::field("tile_px", &ContactSheetOptions::tile_px, "side of a tile, pixels", {64, 1024}),
                      core::field("max_pixels", &ContactSheetOptions::max_pixels,
                                  "a picture that claims more pixels is not drawn", {1, 1e12})};
  }
};

/// The pictures of the findings, the worst first, above their kind and name: uint8 [H,W,3]. Copies stand side by side,
/// at most as many as there are columns; a frame around the tiles of one finding is red where it harms. What cannot be
/// read is a grey tile with the reason. Reads the pictures again. Where no finding has a picture, one tile says so.
/// Throws std::invalid_argument for options out of range.
core::Image contact_sheet(const DataReport& report, const ContactSheetOptions& options = {});

}  // namespace margay::data
