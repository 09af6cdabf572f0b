#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>

#include "margay/core/options.h"
#include "margay/model/backbone/backbone.h"
#include "margay/model/head/head.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::model {

struct NamedParameter {
  std::string name;      ///< within the whole module, such as "backbone.layer1.0.bn1.weight"
  torch::Tensor tensor;  ///< the parameter itself
  /// Whether it gets no weight decay: biases and parameters of norms (fastai's wd_bn_bias=False), tokens, positions and
  /// scales (timm's no_weight_decay).
  bool is_norm_or_bias;
  bool is_norm;     ///< a batch norm's parameter, trained even in frozen groups (fastai's train_bn=True)
  double rate = 1;  ///< what its group's learning rate is multiplied by
};

/// Parameters that share a learning rate.
struct ParameterGroup {
  std::string name;
  std::vector<NamedParameter> parameters;
};

/// All parameters of a module, in the order of its layers, with their kinds.
std::vector<NamedParameter> classify_parameters(const torch::nn::Module& module);

struct ClassifierOptions {
  /// A name of the table in architectures.h. A classifier leaves out the weights that a name may also choose.
  std::string architecture = "resnet18";
  /// K.
  std::int64_t num_classes = 2;
  /// C.
  std::int64_t in_channels = 3;
  /// Side of the images, for networks with learnt positions; by default the architecture's own.
  std::optional<std::int64_t> image_px;
  /// Of the weights; one that the architecture knows.
  Arithmetic arithmetic = Arithmetic::kUsual;
  HeadOptions head = {};

  static const core::OptionTable& fields();
};

/// A backbone and a head, registered as "backbone" and "head". Convolution weights are channels-last, and images are
/// converted to that layout. New values are drawn from LibTorch's default generator.
class Classifier : public torch::nn::Module, public DescribedLayer {
 public:
  explicit Classifier(const ClassifierOptions& options);

  /// images: float [N,C,H,W], normalised. Returns logits [N,K]; no softmax.
  torch::Tensor forward(const torch::Tensor& images);

  /// The two halves of forward. images: float [N,C,H,W]; returns [N,D,H/s,W/s].
  torch::Tensor extract(const torch::Tensor& images);
  /// features: float [N,D,H/s,W/s]; returns logits [N,K].
  torch::Tensor classify(const torch::Tensor& features);

  ValueId describe(GraphBuilder& graph, ValueId images) override;

  const ClassifierOptions& options() const { return options_; }
  std::int64_t num_classes() const { return options_.num_classes; }
  /// Side of its images: the option's, or else the architecture's own.
  std::int64_t image_px() const;
  Backbone& backbone() { return *backbone_; }
  const Backbone& backbone() const { return *backbone_; }
  torch::nn::Sequential head() const { return head_; }

  /// The device of the parameters.
  torch::Device device() const;

  /// Whether training keeps the backbone's activations or computes them twice, with the same results. Memory and time
  /// of a step on the CPU (benchmarks/gradient_checkpointing): ResNet-18 on 32x3x224x224 needs 622 instead of 844 MB
  /// and 22 % more time, ResNet-50 on 16x3x224x224 792 instead of 1625 MB and 31 % more time. It is not part of the
  /// options, so bundles do not store it.
  void set_gradient_checkpointing(GradientCheckpointing checkpointing) {
    backbone_->set_gradient_checkpointing(checkpointing);
  }

  /// "body-early", "body-late" and "head", split as fastai's vision_learner splits ResNets. Each parameter is in one.
  std::vector<ParameterGroup> parameter_groups() const;

  /// Trains only the groups from `group` on, and all batch norms (fastai's train_bn). 0: everything. All batch norms
  /// keep collecting statistics as long as the module is in train mode.
  void freeze_to(int group);
  /// Trains the head (and batch norms) only.
  void freeze() { freeze_to(kHeadGroup); }
  void unfreeze() { freeze_to(0); }
  static constexpr int kHeadGroup = 2;

  /// Parameters and buffers by name; the tensors are the classifier's own, not copies.
  TensorMap state() const;

  /// Throws core::FormatError as load_state does.
  void check_state(const TensorMap& state, const std::filesystem::path& source) const;

  /// Copies values into every parameter and buffer; dtypes and layouts are kept. Names and shapes must match exactly;
  /// otherwise core::FormatError lists the tensors that are missing, unexpected or wrongly shaped, and nothing is
  /// changed.
  /// source: the file that `state` came from, for messages.
  void load_state(const TensorMap& state, const std::filesystem::path& source);

 private:
  ClassifierOptions options_;
  std::shared_ptr<Backbone> backbone_;
  torch::nn::Sequential head_;
};

/// A new classifier with random weights, on the CPU, in train mode.
std::shared_ptr<Classifier> make_classifier(const ClassifierOptions& options);

/// The same for weights that are about to be loaded: what would be drawn holds any values, which saves most of the time
/// (of ResNet-18 90 ms, of ViT-B 470 ms on an AMD EPYC), and LibTorch's generators stay as they are.
std::shared_ptr<Classifier> make_empty_classifier(const ClassifierOptions& options);

}  // namespace margay::model
