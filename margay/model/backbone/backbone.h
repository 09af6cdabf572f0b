#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "margay/model/backbone/layers.h"
#include "margay/model/gradient_checkpointing.h"
#include "margay/model/graph/layer.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::model {

/// How a network computes with weights whose names and shapes are the same, whoever published them.
enum class Arithmetic {
  kUsual,       ///< as the weights of the table of architectures expect
  kTensorFlow,  ///< TensorFlow's: strided convolutions pad more behind than before ("SAME"), batch norms add 1e-3
  kTimm,        ///< batch norms add 1e-5, where torchvision has TensorFlow's 1e-3: MobileNetV3
  kCaffe,       ///< Caffe's residual networks: a bottleneck's first 1x1 has the stride, images are BGR
  kMeanPooled,  ///< transformers whose features are the mean of all patches instead of the class token
};

constexpr auto names(Arithmetic /*tag*/) {
  return std::array{std::pair{Arithmetic::kUsual, "usual"}, std::pair{Arithmetic::kTensorFlow, "tensorflow"},
                    std::pair{Arithmetic::kTimm, "timm"}, std::pair{Arithmetic::kCaffe, "caffe"},
                    std::pair{Arithmetic::kMeanPooled, "mean_pooled"}};
}

/// The inputs that a backbone is made for.
struct BackboneOptions {
  std::int64_t in_channels = 3;
  /// Side of the images. It matters only to networks with learnt positions; the others take any size.
  std::int64_t image_px = 224;
  /// One that the architecture knows.
  Arithmetic arithmetic = Arithmetic::kUsual;
};

/// The layout of the features that a head gets.
enum class FeatureLayout {
  kMap,     ///< [N,D,h,w], to be pooled
  kPooled,  ///< [N,D,1,1]: the network gives one vector per image itself, such as a class token
};

/// Where the cells of an activation map lie in the image, along one side: the centre of cell i is at first_px + i *
/// step_px; pixel j covers [j, j+1). It is the centre of what the convolutions see: a strided one that pads alike
/// before and behind has its first cell at the image's edge, not half a cell inside (Alsallakh et al., "Mind the Pad",
/// arXiv:2010.02178, section 3), so stretching the map over the image would shift it.
struct MapGrid {
  double first_px = 0.5;
  double step_px = 1;
};

/// A pass through a backbone, halted at the last activations that belong to places in the image: there activation maps
/// are taken.
struct MapPoint {
  torch::Tensor activations;  ///< float [N,C,h,w]
  /// What the backbone computes of such activations: the features [N,D,h,w] or [N,D,1,1]. Keeps the rest of the pass.
  std::function<torch::Tensor(const torch::Tensor& activations)> rest;
};

/// The part of a classifier that turns images into features, without pooling and classes. It describes its layers from
/// images [N,C,H,W] to features.
class Backbone : public torch::nn::Module, public DescribedLayer {
 public:
  /// One stage between images and features.
  struct Stage {
    std::string name;
    std::function<torch::Tensor(torch::Tensor)> run;
  };

  /// The stages, in their order, for summaries and inspection. They refer to this module.
  virtual std::vector<Stage> stages() = 0;

  /// The same computation in segments, of which gradient checkpointing keeps only the inputs. They should be as small
  /// as the blocks that the network repeats. They share parameters with this module. Default: the stages.
  virtual std::vector<Segment> segments() {
    std::vector<Segment> segments;
    for (const Stage& stage : stages()) segments.push_back({stage.run, {shared_from_this()}});
    return segments;
  }

  /// D, the number of channels of the features.
  virtual std::int64_t features() const = 0;

  virtual FeatureLayout layout() const { return FeatureLayout::kMap; }

  /// The layers that follow it in the paper (or its published form), from [N,D,h,w] to logits [N,num_classes]. Their
  /// parameters have the published names, such as "fc.weight" or "classifier.1.weight". They are initialised as
  /// published.
  virtual torch::nn::Sequential make_published_head(std::int64_t num_classes) const = 0;

  /// Adapts published weights that differ in more than names, dimensions of 1 and the input's channels: learnt
  /// positions of another image size, projections that are stored together. load_pretrained calls it when the names
  /// have been translated. published: by names without "backbone."; tensors may be missing or superfluous, and belong
  /// to a file, so replace them and change none in place.
  virtual void adapt_published(TensorMap& /*published*/) const {}

  /// The only side of images that it accepts, if it was made for one (BackboneOptions::image_px); none: any.
  virtual std::optional<std::int64_t> only_px() const { return std::nullopt; }

  /// How many input pixels one pixel of the features covers, along each side.
  virtual std::int64_t stride() const = 0;

  /// Runs the network as far as the activations of a map, by default to its end: the features themselves.
  /// rest(activations) then gives the same features as forward(images). images: as forward's.
  virtual MapPoint map_point(const torch::Tensor& images);
  /// The activations of map_point in words, for tables.
  virtual std::string map_point_name() const { return "features"; }
  /// Whether these are tokens that a class token attends to.
  virtual bool maps_tokens() const { return false; }
  /// Where the cells of map_point lie along a side of so many pixels. Default: of strided layers with odd kernels and
  /// equal padding.
  virtual MapGrid map_grid(std::int64_t /*side_px*/) const { return {0.5, static_cast<double>(stride())}; }

  /// The modules (by their paths, "layer1" or "features.0") that detect edges and textures and should change least in
  /// fine-tuning. With the parameters of the backbone itself they are the first parameter group; the others are the
  /// second. Follows fastai's splitter if it has one for the family; otherwise it is what comes before the first block.
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
  void check_size(c10::IntArrayRef images) const;

 private:
  GradientCheckpointing checkpointing_ = GradientCheckpointing::kOff;
};

/// A network that is a sequence of layers, with torchvision's names: "features.0", "features.1" …; or with names of its
/// own (append_at).
class FeatureStack : public Backbone {
 public:
  std::vector<Stage> stages() override;
  /// Every layer, and every block of a layer that repeats blocks.
  std::vector<Segment> segments() override;
  ValueId describe(GraphBuilder& graph, ValueId images) override;
  std::int64_t features() const override { return features_; }
  std::int64_t stride() const override { return kStride; }
  MapGrid map_grid(std::int64_t side_px) const override;
  /// The first layer: the stem.
  std::vector<std::string> early_children() const override { return {"features.0"}; }

 protected:
  /// All networks of this kind halve the image five times.
  static constexpr std::int64_t kStride = 32;

  /// What the layers are called.
  enum class Names {
    kFeatures,  ///< "features.0" …
    kOwn,       ///< each as append_at says
  };

  explicit FeatureStack(Names names = Names::kFeatures) : names_(names) {
    if (names == Names::kFeatures) register_module("features", row_);
  }

  /// With Names::kOwn: a layer and where it is registered, "stages.1.downsample". Blocks are repeated as in
  /// append_blocks.
  template <class Layer>
  void append_at(const std::string& path, Layer layer) {
    register_at(path, layer.ptr());
    append(path, std::move(layer));
  }
  /// A layer whose parts the network has registered, each under a name of its own.
  template <class Layer>
  void append_parts(const std::string& name, Layer layer) {
    append(name, std::move(layer));
    layers_.back().is_registered = false;
  }
  void append_blocks_at(const std::string& path, const NestedSequential& blocks) {
    register_at(path, blocks.ptr());
    append_blocks(path, blocks);
  }

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

  /// Sets the number of channels that the latest layer gives.
  void set_features(std::int64_t features) { features_ = features; }

  /// Strided layers pad as TensorFlow's: where a side is even, only behind it.
  void set_pads_behind(bool pads_behind) { pads_behind_ = pads_behind; }

 private:
  /// Modules without layers of their own stand for what the path names before its last dot.
  void register_at(const std::string& path, const std::shared_ptr<torch::nn::Module>& layer);

  struct Layer {
    std::string name;
    torch::nn::AnyModule whole;
    std::vector<torch::nn::AnyModule> parts;  ///< gradient checkpointing keeps the features between them
    bool is_registered = true;                ///< false: only its parts are
  };

  void append(const std::string& name, const torch::nn::AnyModule& whole, std::vector<torch::nn::AnyModule> parts);

  Names names_;
  NestedSequential row_;
  std::vector<Layer> layers_;
  std::int64_t features_ = 0;
  bool pads_behind_ = false;
};

/// The shape of a network of plain linear layers.
struct FlatNetShape {
  std::int64_t hidden = 0;  ///< width of a linear layer and rectifier before the classes; 0: none
};

/// The first networks of Howard and Gugger, "Deep Learning for Coders with fastai and PyTorch", 2020, chapter 4: the
/// pixels of a small image as one vector (channel, row, column), and optionally one hidden layer. Parameters bear the
/// names of the book's Sequential: "0", and "2" for the classes behind a hidden layer. The image's size is fixed:
/// image_px. Features: [N,hidden,1,1], or the pixels themselves. LibTorch's initialisation.
class FlatNet : public Backbone {
 public:
  explicit FlatNet(const FlatNetShape& shape, const BackboneOptions& options);
  /// Throws std::invalid_argument, when run, for images of another size.
  std::vector<Stage> stages() override;
  ValueId describe(GraphBuilder& graph, ValueId images) override;
  std::int64_t features() const override { return hidden_ ? hidden_->options.out_features() : pixels(); }
  FeatureLayout layout() const override { return FeatureLayout::kPooled; }
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::optional<std::int64_t> only_px() const override { return image_px_; }
  std::int64_t stride() const override { return image_px_; }
  /// The pixels, the only ones that have places.
  MapPoint map_point(const torch::Tensor& images) override;
  std::string map_point_name() const override { return "pixels"; }
  MapGrid map_grid(std::int64_t /*side_px*/) const override { return {0.5, 1}; }
  /// None.
  std::vector<std::string> early_children() const override { return {}; }

 private:
  std::int64_t pixels() const { return in_channels_ * image_px_ * image_px_; }
  torch::Tensor flatten(const torch::Tensor& images) const;

  std::int64_t in_channels_;
  std::int64_t image_px_;
  torch::nn::Linear hidden_{nullptr};
};

}  // namespace margay::model
