#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "margay/core/imagenet.h"

namespace margay::model {

/// How images are resized for published weights.
enum class PublishedResize { kBilinear, kBicubic };

constexpr auto names(PublishedResize /*tag*/) {
  return std::array{std::pair{PublishedResize::kBilinear, "bilinear"}, std::pair{PublishedResize::kBicubic, "bicubic"}};
}

/// One set of weights that somebody publishes for a network: facts with their source. What no stored source says is
/// left out: "" or 0.
struct WeightSet {
  std::string network;    ///< of the table of architectures
  std::string name;       ///< its publisher's, "resnet18d.ra4_e3600_r224_in1k"; "resnet50.IMAGENET1K_V2"
  std::string publisher;  ///< "timm", "torchvision"
  std::string licence;    ///< as its source writes it: "bsd-3-clause"
  int input_px = 224;     ///< side of the images for `top1`; it may be larger than those it learnt from
  std::array<double, 3> mean = core::kImagenetMean;  ///< for normalisation, of pixels / 255
  std::array<double, 3> std = core::kImagenetStd;
  double crop_share = 0;  ///< share of the resized image's side that the centre crop keeps
  PublishedResize resize = PublishedResize::kBilinear;
  double top1 = 0;  ///< published accuracy on ImageNet's validation images, %
  std::string url;
  std::string source;  ///< of these facts, such as "timm/models/resnet.py, results/results-imagenet.csv"

  /// What stands behind the network's name: "ra4_e3600_r224_in1k".
  std::string tag() const;
};

/// The address of timm's weights as safetensors, by timm's name for them, such as "resnet18.tv_in1k".
inline std::string timm_weights_url(const std::string& name) {
  return "https://huggingface.co/timm/" + name + "/resolve/main/model.safetensors";
}

/// The address of torchvision's weights, as PyTorch pickles. file: with its hash, such as "vgg16-397923af".
inline std::string torchvision_weights_url(const std::string& file) {
  return "https://download.pytorch.org/models/" + file + ".pth";
}

/// All sets, network by network. For each network the one that the table of architectures names is among them, if one
/// is published.
const std::vector<WeightSet>& weight_sets();

/// Those of one network, in the order of the table.
std::vector<const WeightSet*> weight_sets_of(std::string_view network);

/// Whether a name of a network also chooses weights: "resnet18d.ra4_e3600_r224_in1k".
bool names_weight_set(std::string_view name);

/// The set that a name chooses: its publisher's name of it, or NETWORK.TAG by a network of the table. Either may stand
/// behind "timm/" or "torchvision/". Nothing is guessed: throws std::invalid_argument, which lists the sets with their
/// publishers, for a name that several have or none.
const WeightSet& find_weight_set(std::string_view name);

/// The set that a file of weights is by its name, or by that of a folder of the Hugging Face cache: timm's names, and
/// torchvision's with the hash, "resnet50-11ad3fa6". plain_name: in small letters, without ending and owner. Null if no
/// set is called so.
const WeightSet* weight_set_called(std::string_view plain_name);

/// The set whose file has this SHA-256, 64 digits, as far as publishers state it in their files' names. Null if none.
const WeightSet* weight_set_with_hash(std::string_view sha256);

}  // namespace margay::model
