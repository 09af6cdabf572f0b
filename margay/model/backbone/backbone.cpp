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

namespace {

/// Shares the module, not the row around it.
auto runner(const torch::nn::AnyModule& module) {
  return [shared = module](const torch::Tensor& x) mutable { return shared.forward(x); };
}

}  // namespace

void FeatureStack::append(const std::string& name, const torch::nn::AnyModule& whole,
                          std::vector<torch::nn::AnyModule> parts) {
  row_->push_back(whole);
  layers_.push_back({name, whole, std::move(parts)});
}

std::vector<Backbone::Stage> FeatureStack::stages() {
  std::vector<Stage> stages;
  for (const Layer& layer : layers_) stages.push_back({layer.name, runner(layer.whole)});
  return stages;
}

std::vector<Segment> FeatureStack::segments() {
  std::vector<Segment> segments;
  for (const Layer& layer : layers_) {
    for (const torch::nn::AnyModule& part : layer.parts) segments.push_back({runner(part), {part.ptr()}});
  }
  return segments;
}

}  // namespace margay::model
