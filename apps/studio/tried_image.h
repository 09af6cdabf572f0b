#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "apps/serve/image_prediction.h"
#include "margay/serve/prediction_request.h"

namespace margay::serve {
class ServedModel;
}

namespace margay::studio {

/// What is wanted of an image that somebody tries.
struct TryOptions {
  int top = 5;                       ///< classes to list, 1 or more
  std::optional<std::string> label;  ///< the class of the map; by default the predicted one
  std::int64_t max_pixels = 178'956'970;
};

/// Where the time went, milliseconds.
struct TryTimes {
  double decoded_ms = 0;
  double predicted_ms = 0;
  double mapped_ms = 0;
};

/// What a model says of one image.
struct TriedImage {
  routes::ImagePrediction prediction;
  std::vector<float> logits;       ///< [K], the network's own
  torch::Tensor features;          ///< float [1,D]; undefined of models loaded without
  std::string map_label;           ///< the class that the map is of
  std::vector<std::uint8_t> seen;  ///< JPEG: what the network saw
  std::vector<std::uint8_t> map;   ///< JPEG: the same in grey with the activation map over it
  TryTimes times;
};

/// Decodes the image once and gives it to the network twice: for the prediction (the same bits as `margay predict`'s)
/// and for the activation map (interpret::map_batch). Runs in the calling thread; several may try images of one model.
/// Throws core::DataError naming an image that cannot be read, std::invalid_argument for a label that is no class.
TriedImage try_image(const serve::ServedModel& model, const std::string& name, const serve::ImageBytes& bytes,
                     const TryOptions& options = {});

}  // namespace margay::studio
