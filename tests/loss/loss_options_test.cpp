// What holds for the options of every loss.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/loss/asymmetric_loss.h"
#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy_options.h"
#include "margay/loss/focal_loss.h"
#include "margay/loss/jensen_shannon.h"
#include "margay/loss/nll_loss.h"
#include "margay/loss/poly1_cross_entropy.h"

namespace margay::loss {
namespace {

template <class T>
class LossOptions : public testing::Test {};

using EveryOptions =
    testing::Types<AsymmetricLossOptions, BinaryCrossEntropyOptions, BinaryFocalLossOptions, CrossEntropyOptions,
                   FocalLossOptions, JsdCrossEntropyOptions, NllLossOptions, Poly1CrossEntropyOptions>;
TYPED_TEST_SUITE(LossOptions, EveryOptions);

TYPED_TEST(LossOptions, DefaultsAreValidAndSurviveJson) {
  const TypeParam defaults;
  core::validate(defaults);
  TypeParam copy;
  core::from_json(core::to_json(defaults), copy);
  EXPECT_EQ(core::to_json(copy), core::to_json(defaults));
}

}  // namespace
}  // namespace margay::loss
