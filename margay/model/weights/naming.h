#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <torch/nn/module.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/backbone.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::model {

/// Parameters and buffers by name: the module's own, not copies.
TensorMap state_of(const torch::nn::Module& module);

/// The names of the tensors of the published head. Random generators are not changed.
std::set<std::string> published_head_names(const Backbone& backbone);

/// Whether the tensor of that name is a batch norm's counter of batches, on which no result depends.
inline bool is_counter(std::string_view name) { return name.ends_with(".num_batches_tracked"); }

/// NamedWeights::naming of a .margay bundle.
inline constexpr const char* kBundleNaming = "margay";

/// The tensors of a file under the names of Margay's modules, without the prefixes "backbone." and "head.".
struct NamedWeights {
  TensorMap backbone;  ///< and tensors that belong nowhere
  TensorMap head;
  std::string naming;  ///< whose names they were: "the network's own", "margay", "fastai", a publisher
};

/// The network's own names of its tensors.
struct OwnNames {
  const TensorMap& backbone;
  const std::set<std::string>& published_head;  ///< of Backbone::make_published_head
};

/// Finds the interpretation of the names under which most tensors fit the backbone, and returns the tensors under
/// Margay's names:
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

/// The share of tensors that must agree to recognise a network.
constexpr double kRecognisedShare = 0.75;

/// The network that tensors belong to.
struct Recognised {
  const Architecture* architecture;
  TensorMap tensors;   ///< under our names; a head that is not the published one behind "head."
  std::string naming;  ///< whose names they bore, as NamedWeights'
  double share;        ///< of the backbone's tensors, ours and the file's, that agree in name and number of values
};

/// How well the tensors fit this network, for any number of classes.
Recognised recognise(const TensorMap& tensors, const Architecture& architecture);

/// The network that the tensors fit best; nothing if less than three quarters agree with any. It builds networks of
/// about that size, so it takes seconds if none fits.
std::optional<Recognised> recognise(const TensorMap& tensors);

}  // namespace margay::model
