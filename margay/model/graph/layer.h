#pragma once

#include "margay/model/graph/graph.h"

namespace margay::model {

class GraphBuilder;

/// A module that describes what it computes in eval mode, for summaries, folding and export. LibTorch's own layers and
/// Sequentials are known to GraphBuilder; what consists of them calls GraphBuilder for each, in the order of its
/// forward.
class DescribedLayer {
 public:
  virtual ~DescribedLayer() = default;
  /// Adds its nodes for the input x and returns its result.
  virtual ValueId describe(GraphBuilder& graph, ValueId x) = 0;

 protected:
  DescribedLayer() = default;
  DescribedLayer(const DescribedLayer&) = default;
  DescribedLayer& operator=(const DescribedLayer&) = default;
};

}  // namespace margay::model
