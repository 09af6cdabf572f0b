#include "margay/train/optim/optimizer_options.h"

#include <gtest/gtest.h>

#include "tests/train/optim/optimizer_kinds.h"

namespace margay::train {
namespace {

using Kind = OptimizerKind;

TEST(OptimizerOptions, AreFilledWithFastaisDefaults) {
  const OptimizerOptions adam = resolve({});
  EXPECT_EQ(adam.sqr_mom, 0.99);
  EXPECT_EQ(adam.eps, 1e-5);
  EXPECT_FALSE(adam.lookahead || adam.nu_1 || adam.trust_coeff || adam.max_trust || adam.avg_mom);
  EXPECT_EQ(resolve({.kind = Kind::kQhadam}).sqr_mom, 0.999);
  EXPECT_EQ(resolve({.kind = Kind::kRanger}).lookahead, 6);
  EXPECT_EQ(resolve({.kind = Kind::kLars}).max_trust, 1);
}

TEST(OptimizerOptions, KeepWhatIsGiven) {
  EXPECT_EQ(resolve({.eps = 0.5}).eps, 0.5);
  EXPECT_EQ(resolve({.kind = Kind::kRanger, .lookahead = 3}).lookahead, 3);
  const OptimizerOptions sgd = resolve({.kind = Kind::kSgd, .lookahead = 4});
  EXPECT_EQ(sgd.lookahead, 4);
  EXPECT_EQ(sgd.lookahead_alpha, 0.5);
}

TEST(OptimizerOptions, AreRefusedWhereTheKindHasNoSuchNumber) {
  EXPECT_THROW(resolve({.kind = Kind::kSgd, .eps = 1e-3}), std::invalid_argument);
  EXPECT_THROW(resolve({.nesterov = true}), std::invalid_argument);
  EXPECT_THROW(resolve({.nu_1 = 0.5}), std::invalid_argument);
  EXPECT_THROW(resolve({.kind = Kind::kLion, .sqr_mom = 0.9}), std::invalid_argument);
  EXPECT_THROW(resolve({.avg_mom = 0.9}), std::invalid_argument);
  EXPECT_THROW(resolve({.trust_coeff = 0.1}), std::invalid_argument);
  EXPECT_THROW(resolve({.max_trust = 1}), std::invalid_argument);
  EXPECT_THROW(resolve({.lookahead_alpha = 0.1}), std::invalid_argument);
}

TEST(OptimizerOptions, AreRefusedOutOfRange) {
  EXPECT_THROW(resolve({.wd = -1}), std::invalid_argument);
  EXPECT_THROW(resolve({.sqr_mom = 1.0}), std::invalid_argument);
  EXPECT_THROW(resolve({.lookahead = 0}), std::invalid_argument);
}

TEST(OptimizerOptions, SurviveJsonAndResolvingAgain) {
  for (const OptimizerOptions& options : testing_support::every_optimizer()) {
    const OptimizerOptions resolved = resolve(options);
    OptimizerOptions read;
    core::from_json(core::to_json(resolved), read);
    EXPECT_EQ(core::to_json(resolve(read)), core::to_json(resolved));
  }
}

}  // namespace
}  // namespace margay::train
