#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "margay/model/graph/graph.h"

namespace margay::model {

/// Where a network keeps a layer, so that another can take its place.
struct LayerPlace {
  std::string path;
  std::shared_ptr<torch::nn::Module> layer;
  /// A null layer leaves the place empty: the network skips it.
  std::function<void(const std::shared_ptr<torch::nn::Module>& layer)> put;
};

/// Puts a graph together while a network describes itself, and works out names and shapes. Names are found by the
/// modules' addresses within the network, so that they are those of its state.
class GraphBuilder {
 public:
  /// images: [N,C,H,W] with kAnySize for N. Of plain Sequentials H and W may be any size as well, and C.
  GraphBuilder(torch::nn::Module& network, Shape images);

  ValueId images() const { return graph_.images; }
  const Shape& shape(ValueId value) const { return graph_.shape(value); }
  /// Size of a dimension; negative ones count from behind.
  std::int64_t size(ValueId value, std::int64_t dimension) const;

  /// A module of the network: one that describes itself (layer.h), a Sequential of such, or a layer of LibTorch's:
  /// convolution, batch norm, linear layer, layer norm, activation, pooling, dropout, flatten, identity. Throws
  /// std::invalid_argument, with its path, for any other.
  ValueId layer(ValueId x, torch::nn::Module& module);

  /// The same for members that another layer may replace (fold_batch_norms). norm: null if it has been folded.
  ValueId convolution(ValueId x, torch::nn::Conv2d& conv);
  ValueId batch_norm(ValueId x, torch::nn::BatchNorm2d& norm);
  /// relu(norm(x) + residual), which is one pass (fused/batch_norm.h).
  ValueId batch_norm_relu(ValueId x, torch::nn::BatchNorm2d& norm, std::optional<ValueId> residual = {});

  /// A step that the network takes itself. name: LibTorch's, if it is not the operation's usual one.
  ValueId step(op::Operation operation, std::vector<ValueId> inputs, Storage storage = Storage::kNew,
               std::string name = "");
  ValueId relu(ValueId x, Storage storage = Storage::kOver);
  ValueId activation(ValueId x, op::Activation::Function function);
  /// sizes: of the result. It is a view unless the numbers must be moved.
  ValueId reshape(ValueId x, Shape sizes, Storage storage = Storage::kView);
  /// [N,…] -> [N,D].
  ValueId flatten(ValueId x);
  /// Another order of the dimensions, as a view. One that undoes the one before leaves none.
  ValueId permute(ValueId x, Shape order);
  /// x [M,…] -> […], the place i of the first dimension, as a view.
  ValueId unbind(ValueId x, std::int64_t i);
  /// Of a module that calls it itself.
  ValueId layer_norm(ValueId x, const torch::nn::LayerNormImpl& norm);
  /// softmax(q kᵀ / √d + bias) v, as compat::attention: q, k, v […,T,d]; bias as […,T,T].
  ValueId attention(ValueId q, ValueId k, ValueId v, std::optional<ValueId> bias = {});

  /// A parameter or buffer that belongs to the module itself, by its name there.
  ValueId parameter(const torch::nn::Module& owner, const std::string& name);
  /// A tensor that is not in the state. name: within the module that is being described.
  ValueId constant(const std::string& name, const at::Tensor& tensor);

  /// Says that this is what the backbone gives to the head.
  void mark_features(ValueId features) { graph_.features = features; }

  /// The graph with that result. The builder cannot be used afterwards.
  Graph finish(ValueId logits);

  /// The nodes (by their numbers) whose layers can be replaced: convolutions and batch norms.
  const std::map<std::size_t, LayerPlace>& places() const { return places_; }
  const Graph& graph() const { return graph_; }

 private:
  using SetLayer = std::function<void(const std::shared_ptr<torch::nn::Module>& layer)>;

  void learn_paths(const torch::nn::Module& module, const std::string& path);
  const std::string& path_of(const torch::nn::Module& module) const;
  std::string unique(const std::string& name);
  ValueId add_value(GraphValue value);
  ValueId add_node(Node node, const std::string& value_name);
  /// A node that has the module's path.
  ValueId add_layer(const torch::nn::Module& module, op::Operation operation, std::vector<ValueId> inputs,
                    Storage storage = Storage::kNew);
  /// The transposition that x is the result of.
  const Node* transposed_by(ValueId x) const;
  void drop_unused_nodes();
  /// The latest node is this layer's. idle: what takes its place where nothing else does; null: nothing.
  void keep_place(torch::nn::Module& layer, SetLayer set, std::shared_ptr<torch::nn::Module> idle = nullptr);

  ValueId sequential(ValueId x, torch::nn::SequentialImpl& layers);
  /// LibTorch's own layers; nothing for other modules.
  std::optional<ValueId> torch_layer(ValueId x, torch::nn::Module& module);
  std::optional<ValueId> with_parameters(ValueId x, torch::nn::Module& module);
  std::optional<ValueId> pooling(ValueId x, torch::nn::Module& module);
  std::optional<ValueId> elementwise(ValueId x, torch::nn::Module& module);
  ValueId convolution(ValueId x, const torch::nn::Conv2dImpl& conv);
  ValueId linear(ValueId x, const torch::nn::LinearImpl& linear);
  /// Of one or two dimensions.
  template <class Norm>
  ValueId batch_norm(ValueId x, const Norm& norm);
  /// weight and bias of a norm, ones and zeros where it has none.
  std::vector<ValueId> scaling(const torch::nn::Module& norm, const at::Tensor& weight, std::int64_t features);

  torch::nn::Module& network_;
  Graph graph_;
  std::unordered_map<const torch::nn::Module*, std::string> paths_;
  std::unordered_map<std::string, ValueId> tensors_;  ///< by name
  std::unordered_set<std::string> names_;
  std::string scope_;  ///< the path of the module that is being described
  std::map<std::size_t, LayerPlace> places_;
};

}  // namespace margay::model
