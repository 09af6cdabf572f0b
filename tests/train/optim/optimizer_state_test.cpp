#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/train/optim/optimizer.h"
#include "margay/train/optim/optimizer_options.h"
#include "tests/support/thrown_message.h"
#include "tests/train/callback/tiny_learner.h"
#include "tests/train/optim/optimizer_cases.h"

namespace margay::train {
namespace {

using testing_support::copies_of;
using testing_support::copy_of;
using testing_support::draw_gradients;
using testing_support::every_optimizer;
using testing_support::group_of;
using testing_support::some_parameters;
using testing_support::text_of;

void take_state_steps(Optimizer& optimizer, std::vector<torch::Tensor>& parameters, int count, std::uint64_t seed) {
  torch::manual_seed(seed);
  for (int i = 0; i < count; ++i) {
    draw_gradients(parameters);
    optimizer.step({{1e-2}, 0.9});
  }
}

std::vector<torch::Tensor> parameters_of(torch::ScalarType type) {
  torch::manual_seed(0);
  std::vector<torch::Tensor> parameters = some_parameters();
  for (torch::Tensor& each : parameters) each = each.to(type);
  return parameters;
}

TEST(OptimizerState, LetsAnotherGoOnToTheSameBits) {
  for (const torch::ScalarType type : {torch::kFloat, torch::kBFloat16}) {
    for (const OptimizerOptions& options : every_optimizer()) {
      SCOPED_TRACE(text_of(options));
      std::vector<torch::Tensor> whole = parameters_of(type);
      const auto first = make_optimizer({group_of(whole)}, options);
      take_state_steps(*first, whole, 3, 1);
      std::vector<torch::Tensor> resumed = copies_of(whole);
      const auto second = make_optimizer({group_of(resumed)}, options);
      second->load_state(copy_of(first->state()), "memory");
      take_state_steps(*first, whole, 4, 2);
      take_state_steps(*second, resumed, 4, 2);
      for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(whole[i].equal(resumed[i]));
    }
  }
}

TEST(OptimizerState, ChangesNothingWhenItsOwnIsLoaded) {
  for (const OptimizerOptions& options : every_optimizer()) {
    std::vector<torch::Tensor> parameters = parameters_of(torch::kFloat);
    const auto optimizer = make_optimizer({group_of(parameters)}, options);
    take_state_steps(*optimizer, parameters, 2, 1);
    const model::TensorMap before = copy_of(optimizer->state());
    optimizer->load_state(optimizer->state(), "memory");
    const model::TensorMap after = optimizer->state();
    ASSERT_EQ(after.size(), before.size());
    for (const auto& [name, tensor] : before) EXPECT_TRUE(after.at(name).equal(tensor)) << name;
  }
}

TEST(OptimizerState, OfAdamHasTheNamesThatOldCheckpointsHave) {
  torch::Tensor a = torch::ones({2});
  const auto adam = make_optimizer({group_of({a})});
  adam->load_state({{"p0.avg", torch::tensor({0.5F, 0.0F})},
                    {"p0.sqr_avg", torch::tensor({0.25F, 1.0F})},
                    {"p0.steps", torch::tensor(7, torch::kLong)}},
                   "memory");
  a.mutable_grad() = torch::ones({2});
  adam->step({{0.1}, 0.9});
  EXPECT_EQ(adam->state().at("p0.steps").item<int>(), 8);
  EXPECT_NEAR(adam->state().at("p0.avg")[0].item<double>(), 0.55, 1e-6);
  EXPECT_NEAR(adam->state().at("p0.sqr_avg")[0].item<double>(), 0.2575, 1e-6);
}

TEST(OptimizerState, IsForgottenOfParametersThatTheLoadedOneLacks) {
  std::vector<torch::Tensor> parameters = parameters_of(torch::kFloat);
  const auto optimizer = make_optimizer({group_of(parameters)});
  take_state_steps(*optimizer, parameters, 1, 1);
  optimizer->load_state({}, "memory");
  EXPECT_TRUE(optimizer->state().empty());
}

TEST(OptimizerState, IsRefusedAndLeftAloneIfItDoesNotFit) {
  std::vector<torch::Tensor> parameters = parameters_of(torch::kFloat);
  const auto optimizer = make_optimizer({group_of(parameters)});
  take_state_steps(*optimizer, parameters, 1, 1);
  const model::TensorMap before = copy_of(optimizer->state());
  model::TensorMap unknown = copy_of(before);
  unknown["q.avg"] = torch::ones({1});
  model::TensorMap other_shape = copy_of(before);
  other_shape["p2.avg"] = torch::ones({4});
  model::TensorMap lacking = copy_of(before);
  lacking.erase("p3.sqr_avg");
  for (const model::TensorMap& wrong : {unknown, other_shape, lacking}) {
    EXPECT_THROW(optimizer->load_state(wrong, "memory"), core::FormatError);
    for (const auto& [name, tensor] : before) EXPECT_TRUE(optimizer->state().at(name).equal(tensor)) << name;
  }
}

TEST(OptimizerState, IsRefusedWhereItsTensorsAreOfAnotherKind) {
  std::vector<torch::Tensor> parameters = parameters_of(torch::kFloat);
  const auto optimizer = make_optimizer({group_of(parameters)});
  take_state_steps(*optimizer, parameters, 1, 1);
  const model::TensorMap before = copy_of(optimizer->state());
  const std::vector<std::pair<std::string, torch::Tensor>> wrong = {
      {"p0.steps", torch::ones({2}, torch::kLong)},    {"p0.steps", torch::zeros({0}, torch::kLong)},
      {"p0.steps", torch::ones({1}, torch::kLong)},    {"p0.steps", torch::tensor(1.5)},
      {"p0.steps", torch::tensor(-1, torch::kLong)},   {"p0.steps", torch::tensor(true)},
      {"p0.avg", before.at("p0.avg").to(torch::kInt)}, {"p0.sqr_avg", before.at("p0.sqr_avg").to(torch::kBool)}};
  for (const auto& [name, tensor] : wrong) {
    model::TensorMap state = copy_of(before);
    state[name] = tensor;
    const auto message = testing_support::thrown_message<core::FormatError>([&] { optimizer->load_state(state, "c"); });
    EXPECT_NE(message.find("optimizer state '" + name + "'"), std::string::npos) << message;
    for (const auto& [key, value] : before) EXPECT_TRUE(optimizer->state().at(key).equal(value)) << key;
  }
}

using Kind = OptimizerKind;

TEST(OptimizerOptions, AreFilledWithFastaisDefaults) {
  const OptimizerOptions adam = resolve(OptimizerOptions{});
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
