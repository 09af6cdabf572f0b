#include "margay/model/backbone/flat_net.h"

namespace margay::model {

FlatNet::FlatNet(const FlatNetShape& shape, const BackboneOptions& options)
    : in_channels_(options.in_channels), image_px_(options.image_px) {
  if (shape.hidden > 0) hidden_ = register_module("0", torch::nn::Linear(pixels(), shape.hidden));
}

torch::Tensor FlatNet::flatten(const torch::Tensor& images) const {
  check_size(images);
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

torch::nn::Sequential FlatNet::make_published_head(std::int64_t num_classes) const {
  return torch::nn::Sequential(
      {{"flatten", torch::nn::Flatten()}, {hidden_ ? "2" : "0", torch::nn::Linear(features(), num_classes)}});
}

}  // namespace margay::model
