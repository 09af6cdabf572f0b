#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "margay/chart/drawing.h"
#include "margay/data/image_list.h"
#include "margay/interpret/mapped_image.h"
#include "margay/serve/predictor.h"

namespace margay::cli {

/// The most images that one file shows with their maps.
inline constexpr std::size_t kMostMappedImages = 64;

/// What is to be mapped.
struct MapSubject {
  data::PathList images;
  std::vector<std::size_t> ids;       ///< of those that could be read, in order; the first kMostMappedImages are mapped
  std::vector<std::int64_t> classes;  ///< beside the predicted ones
};

/// The images as the network saw them, with their maps: those of the network that the predictor holds, in its
/// precision.
std::vector<interpret::MappedImage> mapped_images(const serve::Predictor& predictor,
                                                  const serve::PredictorOptions& options, const MapSubject& subject);

/// One drawing of all images, one of them a row, under their file names.
chart::Drawing drawing_of_maps(const std::vector<interpret::MappedImage>& mapped, const MapSubject& subject,
                               const std::vector<std::string>& class_names);

/// Throws std::invalid_argument for an extension other than .png and .svg, and for more images than a file shows;
/// core::IoError where the file cannot be written.
void check_map_file(const std::filesystem::path& file, std::size_t images);

/// Writes a PNG or SVG, by the extension.
void write_map_file(const chart::Drawing& drawing, const std::filesystem::path& file);

}  // namespace margay::cli
