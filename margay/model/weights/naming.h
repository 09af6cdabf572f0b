#pragma once

#include <set>
#include <string>

#include "margay/model/architecture/architecture.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::model {

/// The tensors of a file under the names of our own modules, without "backbone." and "head." in front.
struct NamedWeights {
  TensorMap backbone;  ///< and whatever else belongs nowhere
  TensorMap head;
  std::string naming;  ///< whose names they were: "the network's own", "margay", "fastai", a publisher
};

/// What the network calls its tensors.
struct OwnNames {
  const TensorMap& backbone;
  const std::set<std::string>& published_head;  ///< of Backbone::make_published_head
};

/// Finds under which reading of the names most tensors fit the backbone, and gives them back so:
/// - as they are, or as a Naming of the architecture translates them (a rule with an empty replacement drops a tensor);
/// - "backbone.…" and "head.…": a .margay bundle;
/// - "0.…" body and "1.…" head: fastai's learners. Their bodies number the children of torchvision's network (0.0 =
/// conv1,
///   0.1 = bn1, 0.4 … 0.7 = layer1 … 4 of a ResNet; 0.0 = features of others) or wrap timm's ("0.model.…");
/// each also without the prefixes that wrappers leave (module. of DDP, model. or net. of Lightning, _orig_mod. of
/// torch.compile, backbone., encoder., …), several deep. Where most tensors bear a prefix, those without it were beside
/// the network, such as the weights of a loss, and are left out.
NamedWeights name_as_ours(const TensorMap& found, const OwnNames& own, const Architecture& architecture);

/// Names translated by the rules of a publisher. Two that would get the same name keep their own.
TensorMap translated(const TensorMap& found, const Naming& naming);

}  // namespace margay::model
