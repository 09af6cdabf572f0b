#include <memory>

#include "margay/model/architecture/families.h"
#include "margay/model/architecture/published_weights.h"
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
          .build = [shape](const BackboneOptions& options) { return std::make_shared<Vgg>(shape, options); },
          .parameters = row.parameters,
          .gigamacs = 15.470,
          .top1 = row.top1,
          .weights_name = kTorchvisionV1,
          .weights_url = torchvision_weights_url(row.weights_file),
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

}  // namespace margay::model
