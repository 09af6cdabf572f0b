#include <memory>

#include "margay/model/architecture/families.h"
#include "margay/model/architecture/published_weights.h"
#include "margay/model/backbone/squeezenet.h"

namespace margay::model {
namespace {

/// What rows of one shape differ in.
struct SqueezeNetRow {
  const char* name;
  SqueezeNetVersion version;
  std::int64_t parameters;
  double gigamacs;
  double top1;
  const char* weights_file;
};

Architecture squeezenet(const SqueezeNetRow& row) {
  return {.name = row.name,
          .family = "SqueezeNet",
          .paper = "Iandola et al. 2016, arXiv:1602.07360",
          .build = [version = row.version](
                       const BackboneOptions& options) { return std::make_shared<SqueezeNet>(version, options); },
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .top1 = row.top1,
          .weights_name = kTorchvisionV1,
          .weights_url = torchvision_weights_url(row.weights_file)};
}

}  // namespace

std::vector<Architecture> squeezenets() {
  return {squeezenet({"squeezenet1_0", SqueezeNetVersion::k1_0, 1'248'424, 0.819, 58.092, "squeezenet1_0-b66bff10"}),
          squeezenet({"squeezenet1_1", SqueezeNetVersion::k1_1, 1'235'496, 0.349, 58.178, "squeezenet1_1-b8a52dc0"})};
}

}  // namespace margay::model
