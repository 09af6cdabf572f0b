#include <gtest/gtest.h>

#include "tests/support/published_network.h"

namespace margay::model {
namespace {

using testing_support::expect_torchvisions;
using testing_support::oracle;

TEST(ResNets, ComputeTorchvisionsLogitsAndGradients) {
  for (const char* name : {"resnet18", "resnet50"}) expect_torchvisions(name, oracle(name));
}

}  // namespace
}  // namespace margay::model
