#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "margay/model/checkpointed.h"

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

  /// The same way in parts of which gradient checkpointing keeps only the inputs; best as small as what the network
  /// repeats. They share what they use with this module. Default: the stages.
  virtual std::vector<Segment> segments() {
    std::vector<Segment> segments;
    for (const Stage& stage : stages()) segments.push_back({stage.run, {shared_from_this()}});
    return segments;
  }

  /// D, the channels of the result.
  virtual std::int64_t features() const = 0;

  /// How many input pixels one step of the result covers, along each side.
  virtual std::int64_t stride() const = 0;

  /// The direct children (names) that detect edges and textures and should change least in fine-tuning:
  /// the first parameter group. The other children are the second.
  virtual std::vector<std::string> early_children() const = 0;

  /// images: float [N,3,H,W], normalised. Returns [N,D,H/s,W/s] (rounded up), s = stride().
  torch::Tensor forward(torch::Tensor images) {
    if (checkpointing_ == GradientCheckpointing::kOn) {
      for (const Segment& segment : segments()) images = checkpointed(segment, images);
    } else {
      for (const Stage& stage : stages()) images = stage.run(std::move(images));
    }
    return images;
  }

  /// From the next forward on. The module must belong to a std::shared_ptr.
  void set_gradient_checkpointing(GradientCheckpointing checkpointing) { checkpointing_ = checkpointing; }
  GradientCheckpointing gradient_checkpointing() const { return checkpointing_; }

 private:
  GradientCheckpointing checkpointing_ = GradientCheckpointing::kOff;
};

}  // namespace margay::model
