#include <memory>

#include "margay/model/architecture/families.h"
#include "margay/model/architecture/published_weights.h"
#include "margay/model/backbone/densenet.h"

namespace margay::model {

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
           // Its file is older than its modules' names: "denselayer1.norm.1.weight".
           .namings = {{"torchvision", {{R"((.*\.denselayer\d+\.(?:norm|conv))\.([12]\..*))", R"(\1\2)"}}}}}};
}

}  // namespace margay::model
