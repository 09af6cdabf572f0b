#include "margay/model/backbone/backbone.h"

#include <stdexcept>

#include <fmt/format.h>

#include "margay/model/graph/graph_builder.h"

namespace margay::model {

void Backbone::check_size(c10::IntArrayRef images) const {
  const std::int64_t side = only_px().value_or(images[2]);
  if (!only_px() || (images[2] == side && images[3] == side)) return;
  throw std::invalid_argument(
      fmt::format("[Backbone] images must be {0}x{0} pixels, got {1}x{2}; image_px makes the network for others", side,
                  images[2], images[3]));
}

MapPoint Backbone::map_point(const torch::Tensor& images) {
  return {forward(images), [](const torch::Tensor& features) { return features; }};
}

namespace {

/// Shares the module, not the row around it.
auto runner(const torch::nn::AnyModule& module) {
  return [shared = module](const torch::Tensor& x) mutable { return shared.forward(x); };
}

}  // namespace

void FeatureStack::append(const std::string& name, const torch::nn::AnyModule& whole,
                          std::vector<torch::nn::AnyModule> parts) {
  if (names_ == Names::kFeatures) row_->push_back(whole);
  layers_.push_back({.name = name, .whole = whole, .parts = std::move(parts)});
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

/// Layers of their own names that are not registered themselves, but whose parts are, describe these.
ValueId FeatureStack::describe(GraphBuilder& graph, ValueId images) {
  if (names_ == Names::kFeatures) return graph.layer(images, *row_);
  ValueId x = images;
  for (const Layer& layer : layers_) {
    auto* described = dynamic_cast<DescribedLayer*>(layer.whole.ptr().get());
    x = described == nullptr || layer.is_registered ? graph.layer(x, *layer.whole.ptr())
                                                    : described->describe(graph, x);
  }
  return x;
}

void FeatureStack::register_at(const std::string& path, const std::shared_ptr<torch::nn::Module>& layer) {
  torch::nn::Module* owner = this;
  std::size_t begin = 0;
  for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', begin)) {
    const std::string name = path.substr(begin, dot - begin);
    const auto children = owner->named_children();
    const std::shared_ptr<torch::nn::Module>* child = children.find(name);
    owner = child != nullptr ? child->get() : owner->register_module(name, std::make_shared<torch::nn::Module>()).get();
    begin = dot + 1;
  }
  owner->register_module(path.substr(begin), layer);
}

MapGrid FeatureStack::map_grid(std::int64_t side_px) const {
  MapGrid grid;
  for (std::int64_t side = side_px; grid.step_px < kStride; side = (side + 1) / 2) {
    if (pads_behind_ && side % 2 == 0) grid.first_px += grid.step_px;
    grid.step_px *= 2;
  }
  return grid;
}

FlatNet::FlatNet(const FlatNetShape& shape, const BackboneOptions& options)
    : in_channels_(options.in_channels), image_px_(options.image_px) {
  if (shape.hidden > 0) hidden_ = register_module("0", torch::nn::Linear(pixels(), shape.hidden));
}

torch::Tensor FlatNet::flatten(const torch::Tensor& images) const {
  check_size(images.sizes());
  return images.flatten(1);
}

std::vector<Backbone::Stage> FlatNet::stages() {
  std::vector<Stage> stages{{"pixels", [this](const torch::Tensor& images) {
                               return flatten(images).view({-1, pixels(), 1, 1});
                             }}};
  if (hidden_) {
    stages.push_back({"hidden", [this](const torch::Tensor& x) {
                        return hidden_(x.flatten(1)).relu_().view({-1, features(), 1, 1});
                      }});
  }
  return stages;
}

ValueId FlatNet::describe(GraphBuilder& graph, ValueId images) {
  check_size(graph.shape(images));
  ValueId x = graph.flatten(images);
  if (hidden_) x = graph.relu(graph.layer(x, *hidden_));
  return graph.reshape(x, {kAnySize, features(), 1, 1});
}

MapPoint FlatNet::map_point(const torch::Tensor& images) {
  check_size(images.sizes());
  return {images, [this](const torch::Tensor& pixels) { return forward(pixels); }};
}

torch::nn::Sequential FlatNet::make_published_head(std::int64_t num_classes) const {
  return torch::nn::Sequential(
      {{"flatten", torch::nn::Flatten()}, {hidden_ ? "2" : "0", torch::nn::Linear(features(), num_classes)}});
}

}  // namespace margay::model
