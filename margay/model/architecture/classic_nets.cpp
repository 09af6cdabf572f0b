#include <memory>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/backbone.h"
#include "margay/model/backbone/densenet.h"
#include "margay/model/backbone/squeezenet.h"
#include "margay/model/backbone/vgg.h"

namespace margay::model {
namespace {

/// What rows of one shape differ in.
struct VggRow {
  const char* name;
  VggShape::Norm norm;
  std::int64_t parameters;
  double top1;
  const char* weights_file;
};

Architecture vgg16(const VggRow& row) {
  const VggShape shape{.norm = row.norm};
  return {.name = row.name,
          .family = "VGG",
          .paper = "Simonyan and Zisserman 2014, arXiv:1409.1556",
          .build = maker_of<Vgg>(shape),
          .parameters = row.parameters,
          .gigamacs = 15.470,
          .top1 = row.top1,
          .weights_name = kTorchvisionV1,
          .weights_url = torchvision_weights_url(row.weights_file),
          .oracle = kTorchvisionOracle,
          // timm's first linear layer is a 7x7 convolution, so it is of another shape.
          .namings = {{"timm",
                       {{R"(pre_logits\.fc1\.(.*))", R"(classifier.0.\1)"},
                        {R"(pre_logits\.fc2\.(.*))", R"(classifier.3.\1)"},
                        {R"(head\.fc\.(.*))", R"(classifier.6.\1)"}}}}};
}

}  // namespace

std::vector<Architecture> vggs() {
  return {vgg16({"vgg16", VggShape::Norm::kNone, 138'357'544, 71.592, "vgg16-397923af"}),
          vgg16({"vgg16_bn", VggShape::Norm::kBatch, 138'365'992, 73.360, "vgg16_bn-6c64b313"})};
}

namespace {

Architecture squeezenet(const TorchvisionRow<SqueezeNetVersion>& row) {
  Architecture network = torchvision_network<SqueezeNet>(row);
  network.family = "SqueezeNet";
  network.paper = "Iandola et al. 2016, arXiv:1602.07360";
  return network;
}

}  // namespace

std::vector<Architecture> squeezenets() {
  return {squeezenet({"squeezenet1_0", SqueezeNetVersion::k1_0, 1'248'424, 0.819, 58.092, "b66bff10"}),
          squeezenet({"squeezenet1_1", SqueezeNetVersion::k1_1, 1'235'496, 0.349, 58.178, "b8a52dc0"})};
}

std::vector<Architecture> densenets() {
  return {{.name = "densenet121",
           .family = "DenseNet",
           .paper = "Huang et al. 2016, arXiv:1608.06993",
           .build = [](const BackboneOptions& options) { return std::make_shared<DenseNet>(DenseNetShape{}, options); },
           .parameters = 7'978'856,
           .gigamacs = 2.834,
           .top1 = 74.434,
           .weights_name = kTorchvisionV1,
           .weights_url = timm_weights_url("densenet121.tv_in1k"),
           .oracle = kTorchvisionOracle,
           // Its file is older than its modules' names: "denselayer1.norm.1.weight".
           .namings = {{"torchvision", {{R"((.*\.denselayer\d+\.(?:norm|conv))\.([12]\..*))", R"(\1\2)"}}}}}};
}

namespace {

/// For the book's question, a 3 or a 7, on images of MNIST's size; in colour, as images are read here.
Architecture flat_net(const char* name, const FlatNetShape& shape, std::int64_t parameters, double gigamacs) {
  return {.name = name,
          .family = "Plain linear layers",
          .paper = "Howard and Gugger 2020, Deep Learning for Coders, chapter 4",
          .build = maker_of<FlatNet>(shape),
          .classes = 2,
          .parameters = parameters,
          .gigamacs = gigamacs,
          .input_px = 28};
}

}  // namespace

std::vector<Architecture> flat_nets() {
  return {flat_net("linear", {}, 4'706, 4.704e-6), flat_net("simple_net", {.hidden = 30}, 70'652, 70.62e-6)};
}

}  // namespace margay::model
