#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>

#include "margay/model/backbone/layers.h"
#include "margay/model/gradient_checkpointing.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::model {

/// What a backbone is made for.
struct BackboneOptions {
  std::int64_t in_channels = 3;
  /// Side of the images. Only networks with learnt positions care; the others take any size.
  std::int64_t image_px = 224;
};

/// What a head finds.
enum class FeatureLayout {
  kMap,     ///< [N,D,h,w], to be pooled
  kPooled,  ///< [N,D,1,1]: the network has its own way to one vector an image, such as a class token
};

/// The part of a classifier that turns images into features, without pooling and classes.
class Backbone : public torch::nn::Module {
 public:
  /// One step of the way from images to features.
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

  virtual FeatureLayout layout() const { return FeatureLayout::kMap; }

  /// The layers that the paper (or its published form) puts behind it, from [N,D,h,w] to logits [N,num_classes]. Their
  /// parameters bear the published names, such as "fc.weight" or "classifier.1.weight". Initialised as published.
  virtual torch::nn::Sequential make_published_head(std::int64_t num_classes) const = 0;

  /// Makes published weights fit where more than names, sides of 1 and the input's channels differ: learnt positions of
  /// another image size, projections that are kept together. Called by load_pretrained once the names are our own.
  /// published: by names without "backbone."; they may hold too few or too many, and belong to a file: replace them,
  /// change none in place.
  virtual void adapt_published(TensorMap& /*published*/) const {}

  /// The only side of images that it takes, where it was made for one (BackboneOptions::image_px); none: any.
  virtual std::optional<std::int64_t> only_px() const { return std::nullopt; }

  /// How many input pixels one step of the result covers, along each side.
  virtual std::int64_t stride() const = 0;

  /// The modules (by their paths, "layer1" or "features.0") that detect edges and textures and should change least in
  /// fine-tuning: the first parameter group, with the parameters of the backbone itself. The others are the second.
  /// As fastai's splitters where it has one for the family; else what comes before the first block.
  virtual std::vector<std::string> early_children() const = 0;

  /// images: float [N,in_channels,H,W], normalised. Returns [N,D,H/s,W/s], s = stride(), rounded as the paper's
  /// convolutions and poolings do.
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

 protected:
  /// Throws std::invalid_argument for images [N,C,H,W] of another size than only_px().
  void check_size(const torch::Tensor& images) const;

 private:
  GradientCheckpointing checkpointing_ = GradientCheckpointing::kOff;
};

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
