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

namespace margay::model {

/// How images are resized for published weights.
enum class PublishedResize { kBilinear, kBicubic };

constexpr auto names(PublishedResize /*tag*/) {
  return std::array{std::pair{PublishedResize::kBilinear, "bilinear"}, std::pair{PublishedResize::kBicubic, "bicubic"}};
}

/// How a tensor of another publisher is called here. pattern: RE2, of the whole name; replacement: with \\1 … for
/// groups; empty: we have no such tensor.
struct NameRule {
  std::string pattern;
  std::string replacement;
};

/// The names that another publisher gives to the tensors of a network, head included. The first rule that matches a
/// name counts; what none matches keeps its name. Shapes may differ by sides of 1.
struct Naming {
  std::string publisher;  ///< "timm", "torchvision"
  std::vector<NameRule> rules;
};

/// What is known of one network. Numbers are of the published network: with its own head, for `classes` classes.
struct Architecture {
  std::string name;
  std::string family;  ///< the paper's word for it, such as "ResNet"
  std::string paper;   ///< first author, year, arXiv number
  std::function<std::shared_ptr<Backbone>(const BackboneOptions&)> build;
  std::int64_t classes = 1000;  ///< 0: published without a head
  std::int64_t parameters = 0;
  double gigamacs = 0;  ///< multiply-adds of convolutions, linear layers and attention, one image of input_px, / 1e9
  int input_px = 224;   ///< side of the images that it is judged on
  std::array<double, 3> mean = core::kImagenetMean;  ///< for normalisation, of pixels / 255
  std::array<double, 3> std = core::kImagenetStd;
  PublishedResize resize = PublishedResize::kBilinear;
  double crop_share = 0.875;    ///< of the resized image's side, cut from its middle when it is judged
  double top1 = 0;              ///< published accuracy on ImageNet's validation images, %; 0: none
  std::string weights_name;     ///< which published weights that is, such as "torchvision IMAGENET1K_V1"; "": none
  std::string weights_url;      ///< where they can be fetched; "": nowhere
  std::vector<Naming> namings;  ///< besides the names of our own modules
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

/// Where timm keeps weights as safetensors, by its own name for them, such as "resnet18.tv_in1k".
inline std::string timm_weights_url(const std::string& name) {
  return "https://huggingface.co/timm/" + name + "/resolve/main/model.safetensors";
}

/// Where torchvision keeps them, as PyTorch pickles. file: with its hash, such as "vgg16-397923af".
inline std::string torchvision_weights_url(const std::string& file) {
  return "https://download.pytorch.org/models/" + file + ".pth";
}

constexpr const char* kTorchvisionV1 = "torchvision IMAGENET1K_V1";

/// Modules within a module, by timm's names and by ours.
struct RenamedModules {
  std::string timm;  ///< the module that they are in: RE2, with as many groups as `ours` refers to
  std::string ours;  ///< the same module here, with \\1 … for groups
  std::vector<std::pair<std::string, std::string>> modules;  ///< names, not patterns: timm's, ours
};

/// One rule a module, for all its tensors and those of its children.
void append_rules(std::vector<NameRule>& rules, const RenamedModules& renamed);

/// The table of all networks, family by family.
const std::vector<Architecture>& architectures();

/// Throws std::invalid_argument, with the nearest name, for one that is not there.
const Architecture& find_architecture(std::string_view name);

}  // namespace margay::model
