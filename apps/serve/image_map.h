#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "margay/serve/prediction_request.h"
#include "margay/serve/served_model.h"

namespace margay::routes {

/// The activation map of an image.
struct ImageMap {
  std::string label;               ///< the class that it is of
  std::vector<std::uint8_t> jpeg;  ///< the image as the network sees it, in grey, with the map over it
};

/// Draws the map of the class called `label`, or of the predicted one (interpret::overlay_map). Runs the network in the
/// calling thread. Throws core::DataError for an image that cannot be read, std::invalid_argument for a label that is
/// no class.
ImageMap image_map(const serve::ServedModel& model, const std::string& name, const serve::ImageBytes& bytes,
                   const std::optional<std::string>& label, std::int64_t max_pixels);

}  // namespace margay::routes
