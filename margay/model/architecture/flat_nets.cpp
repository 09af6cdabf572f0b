#include <memory>

#include "margay/model/architecture/families.h"
#include "margay/model/backbone/flat_net.h"

namespace margay::model {
namespace {

/// For the book's question, a 3 or a 7, on images of MNIST's size; in colour, as images are read here.
Architecture flat_net(const char* name, const FlatNetShape& shape, std::int64_t parameters, double gigamacs) {
  return {.name = name,
          .family = "Plain linear layers",
          .paper = "Howard and Gugger 2020, Deep Learning for Coders, chapter 4",
          .build = [shape](const BackboneOptions& options) { return std::make_shared<FlatNet>(shape, options); },
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
