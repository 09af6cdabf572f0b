#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "margay/core/imagenet.h"
#include "margay/model/backbone/backbone.h"
#include "margay/model/weights/weight_sets.h"

namespace margay::model {

/// Translates another publisher's name of a tensor. pattern: RE2 for the whole name; replacement: with \\1 … for
/// groups; empty: Margay has no such tensor.
struct NameRule {
  std::string pattern;
  std::string replacement;
};

/// The names that another publisher gives to the tensors of a network, including the head. The first matching rule
/// applies; a name that matches no rule is kept. Shapes may differ by dimensions of 1.
struct Naming {
  std::string publisher;  ///< "timm", "torchvision"
  std::vector<NameRule> rules;
};

/// Makes a network for these options.
using BackboneMaker = std::function<std::shared_ptr<Backbone>(const BackboneOptions&)>;

/// Of a class of networks, that of one shape.
template <class Network, class Shape>
BackboneMaker maker_of(const Shape& shape) {
  return [shape](const BackboneOptions& options) { return std::make_shared<Network>(shape, options); };
}

/// The facts about one network. Numbers are those of the published network, with its own head for `classes` classes.
struct Architecture {
  std::string name;
  std::string family;  ///< its name in the paper, such as "ResNet"
  std::string paper;   ///< first author, year, arXiv number
  BackboneMaker build;
  std::int64_t classes = 1000;  ///< 0: published without a head
  std::int64_t parameters = 0;
  double gigamacs = 0;  ///< multiply-adds of convolutions, linear layers and attention, one image of input_px, / 1e9
  int input_px = 224;   ///< side of the images in its published evaluation
  std::array<double, 3> mean = core::kImagenetMean;  ///< for normalisation, of pixels / 255
  std::array<double, 3> std = core::kImagenetStd;
  PublishedResize resize = PublishedResize::kBilinear;
  double crop_share = 0.875;  ///< share of the resized image's side that the centre crop of the evaluation keeps
  double top1 = 0;            ///< published accuracy on ImageNet's validation images, %; 0: none
  std::string
      weights_name;         ///< the published weights with that accuracy, such as "torchvision IMAGENET1K_V1"; "": none
  std::string weights_url;  ///< their address; "": none
  /// Whose logits and gradients tests compare its own with: kTorchvisionOracle, kTorchvisionLayersOracle (put together
  /// as timm's source says); "": nobody's. Then published weights are only known to fit by the names and shapes of
  /// their tensors.
  std::string oracle = {};
  std::vector<Naming> namings;               ///< names of other publishers
  std::vector<Arithmetic> arithmetics = {};  ///< that other publishers' weights expect, besides the usual one
  /// The weights that a name with a dot chose (find_architecture), whose facts then stand above; null: the table's.
  const WeightSet* weight_set = nullptr;

  /// The name that chose it: "resnet18d", or "resnet18d.ra4_e3600_r224_in1k" where it also chose weights. Its weights
  /// are kept under this name.
  std::string full_name() const { return weight_set == nullptr ? name : weight_set->name; }
};

/// The rows of the table, one function and one file a family.
std::vector<Architecture> resnets();
std::vector<Architecture> resnexts();
std::vector<Architecture> wide_resnets();
std::vector<Architecture> resnet_ds();
std::vector<Architecture> vggs();
std::vector<Architecture> densenets();
std::vector<Architecture> squeezenets();
std::vector<Architecture> flat_nets();
std::vector<Architecture> mobilenets();
std::vector<Architecture> efficientnets();
std::vector<Architecture> convnexts();
std::vector<Architecture> vits();
std::vector<Architecture> swins();
std::vector<Architecture> efficientnet_v2s();
std::vector<Architecture> regnets();
std::vector<Architecture> convnext_v2s();
std::vector<Architecture> mobilenet_v4s();
std::vector<Architecture> repvits();

constexpr const char* kTorchvisionOracle = "torchvision";
constexpr const char* kTorchvisionLayersOracle = "torchvision's layers";
constexpr const char* kTorchvisionV1 = "torchvision IMAGENET1K_V1";

/// What networks of one family differ in whose weights torchvision publishes.
template <class Shape>
struct TorchvisionRow {
  const char* name;
  Shape shape;
  std::int64_t parameters;
  double gigamacs;
  double top1;
  const char* hash;  ///< in the name of torchvision's file
};

/// The facts of such a row; those of the family are still to be added.
template <class Network, class Shape>
Architecture torchvision_network(const TorchvisionRow<Shape>& row) {
  Architecture network;
  network.name = row.name;
  network.build = maker_of<Network>(row.shape);
  network.parameters = row.parameters;
  network.gigamacs = row.gigamacs;
  network.top1 = row.top1;
  network.weights_name = kTorchvisionV1;
  network.weights_url = torchvision_weights_url(std::string(row.name) + "-" + row.hash);
  network.oracle = kTorchvisionOracle;
  return network;
}

/// Submodules of a module, by timm's names and by ours.
struct RenamedModules {
  std::string timm;  ///< the module that they are in: RE2, with as many groups as `ours` refers to
  std::string ours;  ///< the same module here, with \\1 … for groups
  std::vector<std::pair<std::string, std::string>> modules;  ///< names, not patterns: timm's, ours
};

/// Adds one rule per submodule, for all its tensors and those of its children.
void append_rules(std::vector<NameRule>& rules, const RenamedModules& renamed);

/// Throws std::invalid_argument, which names those that there are, for an arithmetic that the network does not know.
void check_arithmetic(const Architecture& architecture, Arithmetic arithmetic);

/// The table of all networks, family by family.
const std::vector<Architecture>& architectures();

/// A network of the table by its name, or with other weights than the table's by a name of find_weight_set:
/// "resnet18d.ra4_e3600_r224_in1k" is resnet18d with the size, normalisation, accuracy and address of those weights.
/// Throws std::invalid_argument, which suggests the nearest name, for an unknown one, and as find_weight_set.
const Architecture& find_architecture(std::string_view name);

}  // namespace margay::model
