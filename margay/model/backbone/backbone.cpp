#include "margay/model/backbone/backbone.h"

#include <stdexcept>

#include <fmt/format.h>

namespace margay::model {

void Backbone::check_size(const torch::Tensor& images) const {
  const std::int64_t side = only_px().value_or(images.size(2));
  if (!only_px() || (images.size(2) == side && images.size(3) == side)) return;
  throw std::invalid_argument(
      fmt::format("[Backbone] images must be {0}x{0} pixels, got {1}x{2}; image_px makes the network for others", side,
                  images.size(2), images.size(3)));
}

}  // namespace margay::model
