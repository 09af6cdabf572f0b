#include "margay/data/transform/policy.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

namespace margay::data {
namespace {

using DrawnKind = ImageOp::Kind;

PolicyDraw drawn_by_policy(const PolicyOptions& options, std::uint64_t item) {
  core::Random random{31, item};
  return draw_policy(options, 331, random);
}

TEST(Policy, RandAugmentDrawsEachOfItsFourteenOperationsEquallyOften) {
  std::map<int, int> colours;
  int geometric = 0;
  int nothing = 0;
  constexpr int kDraws = 14000;
  for (std::uint64_t item = 0; item < kDraws; ++item) {
    const PolicyDraw draw = drawn_by_policy({.policy = Policy::kRandAugment, .num_ops = 1}, item);
    if (!draw.image_ops.empty()) {
      ++colours[static_cast<int>(draw.image_ops[0].kind)];
    } else {
      ++(draw.matrix == identity_matrix() ? nothing : geometric);
    }
  }
  EXPECT_EQ(colours.size(), 8U);
  for (const auto& [kind, count] : colours) EXPECT_NEAR(count, 1000, 120) << kind;
  EXPECT_NEAR(geometric, 5000, 250);
  EXPECT_NEAR(nothing, 1000, 120);
}

// torchvision 0.14: magnitude 9 of linspace(0, most, 31), so 0.3 of the most.
TEST(Policy, RandAugmentUsesTheStrengthsOfTorchvision) {
  for (std::uint64_t item = 0; item < 500; ++item) {
    const PolicyDraw draw = drawn_by_policy({.policy = Policy::kRandAugment, .num_ops = 1}, item);
    for (const ImageOp& op : draw.image_ops) {
      if (op.kind <= DrawnKind::kSharpness) {
        EXPECT_NEAR(std::abs(op.strength - 1), 0.27, 1e-12);
      }
      if (op.kind == DrawnKind::kPosterize) {
        EXPECT_EQ(op.strength, 7);  // 8 - round(9 / 7.5)
      }
      if (op.kind == DrawnKind::kSolarize) {
        EXPECT_NEAR(op.strength, 178.5, 1e-9);
      }
    }
    const auto& m = draw.matrix.m;
    if (!draw.image_ops.empty()) continue;
    if (m[0][0] != 1) {
      EXPECT_NEAR(m[0][0], std::cos(9 * 3.14159265358979 / 180), 1e-12);
    }
    if (m[0][0] == 1 && m[0][1] != 0) {
      EXPECT_NEAR(std::abs(m[0][1]), 0.09, 1e-12);
    }
    if (m[0][0] == 1 && m[0][1] == 0 && m[0][2] != 0) {
      EXPECT_NEAR(std::abs(m[0][2]), 45, 1e-12);
    }
  }
}

TEST(Policy, RandAugmentTakesNumOpsOperations) {
  std::size_t most = 0;
  for (std::uint64_t item = 0; item < 300; ++item) {
    const PolicyDraw draw = drawn_by_policy({.policy = Policy::kRandAugment, .num_ops = 4}, item);
    most = std::max(most, draw.image_ops.size());
  }
  EXPECT_EQ(most, 4U);
}

TEST(Policy, TrivialAugmentDrawsOneOperationOfAnyStrength) {
  std::map<double, int> bits;
  double widest = 0;
  for (std::uint64_t item = 0; item < 6000; ++item) {
    const PolicyDraw draw = drawn_by_policy({.policy = Policy::kTrivialAugment}, item);
    ASSERT_LE(draw.image_ops.size(), 1U);
    for (const ImageOp& op : draw.image_ops) {
      if (op.kind == DrawnKind::kPosterize) ++bits[op.strength];
      if (op.kind <= DrawnKind::kSharpness) {
        EXPECT_GE(op.strength, 0.01 - 1e-12);
        widest = std::max(widest, op.strength);
      }
    }
  }
  EXPECT_NEAR(widest, 1.99, 1e-12);
  EXPECT_EQ(bits.size(), 7U);
  EXPECT_EQ(bits.begin()->first, 2);
}

TEST(Policy, NoneDrawsNothing) {
  core::Random random{1};
  core::Random same{1};
  EXPECT_EQ(draw_policy({}, 224, random).matrix, identity_matrix());
  EXPECT_EQ(random.next(), same.next());
}

}  // namespace
}  // namespace margay::data
