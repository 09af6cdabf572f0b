#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
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

}  // namespace margay::model
