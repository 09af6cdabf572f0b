#include "margay/train/schedule/schedule_options.h"

#include <stdexcept>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::thrown_message;

double lr_at(const ScheduleOptions& options, double progress) {
  return hyper_schedule(options, {1}, 3)(progress).lrs[0];
}

std::string schedule_refusal(const ScheduleOptions& options, std::int64_t epochs = 3) {
  return thrown_message<std::invalid_argument>([&] { check_schedule(options, epochs); });
}

TEST(ScheduleOptions, DecayFromThePeakToItsShare) {
  for (const ScheduleKind kind :
       {ScheduleKind::kLinear, ScheduleKind::kCosine, ScheduleKind::kExponential, ScheduleKind::kPolynomial}) {
    EXPECT_NEAR(lr_at({.kind = kind, .div_final = 16}, 0), 1, 1e-12) << core::to_text(kind);
    EXPECT_NEAR(lr_at({.kind = kind, .div_final = 16}, 1), 1.0 / 16, 1e-12) << core::to_text(kind);
  }
  EXPECT_NEAR(lr_at({.kind = ScheduleKind::kLinear, .div_final = 16}, 0.5), 17.0 / 32, 1e-12);
  EXPECT_NEAR(lr_at({.kind = ScheduleKind::kCosine, .div_final = 16}, 0.5), 17.0 / 32, 1e-12);
  EXPECT_NEAR(lr_at({.kind = ScheduleKind::kExponential, .div_final = 16}, 0.5), 1.0 / 4, 1e-12);
  EXPECT_NEAR(lr_at({.kind = ScheduleKind::kPolynomial, .div_final = 16, .power = 3}, 0.5), (1 + 15.0 / 8) / 16, 1e-12);
}

TEST(ScheduleOptions, HaveTheKindsDefaults) {
  EXPECT_NEAR(lr_at({}, 0), 1.0 / 25, 1e-12);
  EXPECT_NEAR(lr_at({}, 0.25), 1, 1e-12);
  EXPECT_NEAR(lr_at({.kind = ScheduleKind::kFlatCos}, 0.74), 1, 1e-12);
  EXPECT_NEAR(lr_at({.kind = ScheduleKind::kFlatCos}, 1), 1e-5, 1e-12);
  EXPECT_NEAR(lr_at({.kind = ScheduleKind::kExponential}, 1), 1e-2, 1e-12);
  EXPECT_NEAR(lr_at({.kind = ScheduleKind::kSgdr}, 1.0 / 3), 1, 1e-12);  // the second cycle of 1 + 2 epochs begins
}

TEST(ScheduleOptions, WarmUpBeforeAllButOneCycleAndSgdr) {
  const ScheduleOptions options{.kind = ScheduleKind::kFlat, .div = 10, .warm_up = 0.5, .ramp = Ramp::kCosine};
  EXPECT_NEAR(lr_at(options, 0), 0.1, 1e-12);
  EXPECT_NEAR(lr_at(options, 0.25), 0.55, 1e-12);
  EXPECT_NEAR(lr_at(options, 0.5), 1, 1e-12);
  EXPECT_NEAR(lr_at({.kind = ScheduleKind::kCosine, .warm_up = 0.5}, 0.5), 1, 1e-12);
  EXPECT_THROW(check_schedule({.warm_up = 0.1}, 1), std::invalid_argument);
  EXPECT_THROW(check_schedule({.kind = ScheduleKind::kSgdr, .warm_up = 0.1}, 1), std::invalid_argument);
}

TEST(ScheduleOptions, SetTheMomentum) {
  EXPECT_EQ(hyper_schedule({.kind = ScheduleKind::kLinear, .momentum = 0.7}, {1}, 1)(0.5).momentum, 0.7);
  EXPECT_NEAR(hyper_schedule({.moms = Momentums{0.8, 0.7, 0.6}}, {1}, 1)(0.25).momentum, 0.7, 1e-12);
}

TEST(ScheduleOptions, RefuseWhatDoesNotApply) {
  EXPECT_EQ(schedule_refusal({.kind = ScheduleKind::kSgdr, .power = 2}),
            "[schedule] power does not apply to sgdr, which has cycle_len, cycle_mult, momentum");
  EXPECT_EQ(schedule_refusal({.kind = ScheduleKind::kLinear, .div = 2}),
            "[schedule] div belongs to a warm-up and needs warm_up, the share it takes");
  for (const ScheduleOptions& options :
       {ScheduleOptions{.momentum = 0.9}, ScheduleOptions{.ramp = Ramp::kLinear},
        ScheduleOptions{.kind = ScheduleKind::kFlat, .div_final = 2}, ScheduleOptions{.pct_start = 1.5},
        ScheduleOptions{.moms = Momentums{0.9, 1, 0.9}}, ScheduleOptions{.kind = ScheduleKind::kFlat, .momentum = 1}}) {
    EXPECT_THROW(check_schedule(options, 3), std::invalid_argument) << core::to_json(options);
  }
}

TEST(ScheduleOptions, SayWhichEpochsHoldWholeCycles) {
  const ScheduleOptions options{.kind = ScheduleKind::kSgdr};
  EXPECT_NO_THROW(check_schedule(options, 7));
  EXPECT_EQ(schedule_refusal(options, 5), "[schedule] 5 epochs end within a cycle of sgdr; 3 or 7 would end with one");
  EXPECT_EQ(schedule_refusal({.kind = ScheduleKind::kSgdr, .cycle_len = 4}, 3),
            "[schedule] 3 epochs end within a cycle of sgdr; 4 would end with one");
}

TEST(ScheduleOptions, SurviveTheWayThroughJson) {
  const ScheduleOptions original{.kind = ScheduleKind::kCosine, .warm_up = 0.1, .ramp = Ramp::kCosine};
  ScheduleOptions copy;
  core::from_json(core::to_json(original), copy);
  EXPECT_EQ(copy, original);
  const ScheduleOptions with_moms{.moms = Momentums{0.9, 0.8, 0.7}};
  core::from_json(core::to_json(with_moms), copy);
  EXPECT_EQ(copy, with_moms);
}

}  // namespace
}  // namespace margay::train
