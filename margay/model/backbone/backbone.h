#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <torch/nn/module.h>

namespace margay::model {

/// The part of a classifier that turns pictures into features, without pooling and classes.
class Backbone : public torch::nn::Module {
 public:
  /// One step of the way from pictures to features.
  struct Stage {
    std::string name;
    std::function<torch::Tensor(torch::Tensor)> run;
  };

  /// The steps, in their order; for summaries and for looking inside. They refer to this module.
  virtual std::vector<Stage> stages() = 0;

  /// D, the channels of the result.
  virtual std::int64_t features() const = 0;

  /// How many input pixels one step of the result covers, along each side.
  virtual std::int64_t stride() const = 0;

  /// The direct children (names) that detect edges and textures and should change least in fine-tuning:
  /// the first parameter group. The other children are the second.
  virtual std::vector<std::string> early_children() const = 0;

  /// images: float [N,3,H,W], normalised. Returns [N,D,H/s,W/s] (rounded up), s = stride().
  torch::Tensor forward(torch::Tensor images) {
    for (const Stage& stage : stages()) images = stage.run(std::move(images));
    return images;
  }
};

}  // namespace margay::model
