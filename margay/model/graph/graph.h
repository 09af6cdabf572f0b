#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/model/graph/operation.h"

namespace margay::model {

/// The sizes of a tensor's dimensions.
using Shape = std::vector<std::int64_t>;

/// A size that is not fixed: the number of images in the batch.
constexpr std::int64_t kAnySize = -1;

/// Which value of a graph: its place in Graph::values.
using ValueId = std::size_t;

/// What nodes take and give: computed, or a tensor of the network.
struct GraphValue {
  /// Unique. Of a parameter or buffer its name in the state ("backbone.conv1.weight"); of a layer's result the layer's
  /// ("backbone.conv1"); of a step without parameters the module's that takes it ("backbone.layer1.0/add"), numbered
  /// from the second on ("backbone.layer1.0/relu_2"). "images" and "logits" are those of the network.
  std::string name;
  Shape shape;
  /// Of parameters, buffers and constants (such as the mask of shifted windows): the network's own, not a copy, in its
  /// dtype and memory layout. Undefined: the value is computed.
  at::Tensor tensor = {};
};

/// What the network does with memory; it matters to a summary, not to the result.
enum class Storage {
  kNew,    ///< the result takes memory of its own
  kOver,   ///< it is written over the first input, or is that input
  kView,   ///< it is another view of the first input's memory
  kFused,  ///< it is computed in one pass with the node that follows or precedes it, and takes no memory
};

struct Node {
  op::Operation operation;
  std::vector<ValueId> inputs;  ///< as the operation says: x, then parameters
  ValueId output = 0;
  std::string name;  ///< LibTorch's for the step, such as "max_pool2d"
  Storage storage = Storage::kNew;
};

/// What a network computes in eval mode, as plain data. Every node comes behind those whose results it takes, and every
/// value is the result of one node or of none.
struct Graph {
  std::vector<GraphValue> values;
  std::vector<Node> nodes;
  ValueId images = 0;    ///< float [N,C,H,W], normalised
  ValueId features = 0;  ///< of the backbone: [N,D,h,w] or [N,D,1,1]
  ValueId logits = 0;    ///< [N,K]

  const Shape& shape(ValueId value) const { return values.at(value).shape; }
};

/// The shape for a batch of so many images.
Shape with_batch(Shape shape, std::int64_t images);

/// Multiply-adds of a node for one image: of convolutions, linear layers and matrix products. 0 for every other one.
std::int64_t macs_of(const Graph& graph, const Node& node);

/// For every value the nodes that take it, as places in Graph::nodes.
std::vector<std::vector<std::size_t>> consumers_of(const Graph& graph);

class Classifier;

/// The graph of a classifier for square images of so many pixels; by default those of its options or its
/// architecture. It shares the classifier's tensors. Throws std::invalid_argument for a size that the network does not
/// take (a layer's window would not fit, or it is made for another one) and for modules that do not describe themselves
/// (layer.h).
Graph describe(Classifier& classifier);
Graph describe(Classifier& classifier, std::int64_t image_px);

}  // namespace margay::model
