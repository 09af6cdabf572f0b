#pragma once

#include <string>

#include "margay/export/onnx_builder.h"
#include "margay/model/graph/graph.h"

namespace margay::exporting {

/// What a network gives, by the names of the values.
struct NetworkValues {
  std::string logits;    ///< float [N,K]
  std::string features;  ///< float [N,D,h,w] or [N,D,1,1]
};

/// Adds the nodes of a network, whose size of images is the one the graph was described for; the batch may have any
/// size. Weights keep their names in the state ("backbone.conv1.weight"), results those of the graph. images: the value
/// [N,C,H,W], normalised. Throws core::Error for what ONNX's operators cannot express, naming the layer.
NetworkValues add_network(OnnxBuilder& onnx, const model::Graph& graph, const std::string& images);

}  // namespace margay::exporting
