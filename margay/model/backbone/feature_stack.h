#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "margay/model/backbone/backbone.h"
#include "margay/model/backbone/nested_sequential.h"

namespace margay::model {

/// A network that is one row of layers, with torchvision's names for it: "features.0", "features.1" ….
class FeatureStack : public Backbone {
 public:
  std::vector<Stage> stages() override;
  /// Every layer, and every block of a layer that repeats one.
  std::vector<Segment> segments() override;
  std::int64_t features() const override { return features_; }
  std::int64_t stride() const override { return kStride; }
  /// The first layer: the stem.
  std::vector<std::string> early_children() const override { return {"features.0"}; }

 protected:
  /// All the networks of the kind halve the image five times.
  static constexpr std::int64_t kStride = 32;

  FeatureStack() { register_module("features", row_); }

  /// name: of the stage. layer: the ModuleHolder of what comes next.
  template <class Layer>
  void append(const std::string& name, Layer layer) {
    const torch::nn::AnyModule any(std::move(layer));
    append(name, any, {any});
  }

  /// A layer that repeats a block.
  void append_blocks(const std::string& name, const NestedSequential& blocks) {
    append(name, torch::nn::AnyModule(blocks), {blocks->begin(), blocks->end()});
  }

  /// Channels of what the latest layer puts out.
  void set_features(std::int64_t features) { features_ = features; }

 private:
  struct Layer {
    std::string name;
    torch::nn::AnyModule whole;
    std::vector<torch::nn::AnyModule> parts;  ///< between which gradient checkpointing keeps the maps
  };

  void append(const std::string& name, const torch::nn::AnyModule& whole, std::vector<torch::nn::AnyModule> parts);

  NestedSequential row_;
  std::vector<Layer> layers_;
  std::int64_t features_ = 0;
};

}  // namespace margay::model
