#include <functional>
#include <stdexcept>

#include <ATen/record_function.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/container/functional.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/train/operator_watch.h"

namespace margay::train {
namespace {

/// What the listener hears of the operators that the module itself calls: layers, each once, and other steps.
std::vector<std::string> heard(torch::nn::Sequential& module, const torch::Tensor& input) {
  std::vector<std::string> steps;
  const auto listen = [&](const WatchedOperator& op) {
    const std::string step = op.is_layer ? op.layer : op.name;
    if (op.depth == 0 && (steps.empty() || steps.back() != step)) steps.push_back(step);
  };
  watch_operators(*module, listen, [&] { module->forward(input); });
  return steps;
}

TEST(WatchOperators, NamesLayersByTheirParameters) {
  torch::nn::Sequential module(torch::nn::Linear(3, 4), torch::nn::Functional(torch::relu), torch::nn::Linear(4, 2));
  EXPECT_EQ(heard(module, torch::zeros({2, 3})), (std::vector<std::string>{"0", "relu", "2"}));
}

TEST(WatchOperators, FindsParametersInListsOfTensors) {
  torch::nn::Sequential module(torch::nn::Linear(3, 4));
  std::vector<std::string> layers;
  const auto listen = [&](const WatchedOperator& op) {
    if (op.depth == 0 && op.is_layer) layers.push_back(op.layer + ":" + op.name);
  };
  const torch::Tensor weight = module->parameters().front();
  watch_operators(*module, listen, [&] { torch::cat({torch::zeros({1, 3}), weight}); });
  EXPECT_EQ(layers, (std::vector<std::string>{"0:cat"}));
}

TEST(WatchOperators, TellsInnerOperatorsBeforeThoseThatCallThem) {
  torch::nn::Sequential module(torch::nn::Conv2d(1, 1, 3));
  std::vector<std::pair<std::string, int>> operators;
  const auto listen = [&](const WatchedOperator& op) { operators.emplace_back(op.name, op.depth); };
  watch_operators(*module, listen, [&] { module->forward(torch::zeros({1, 1, 5, 5})); });
  EXPECT_EQ(operators.back(), (std::pair<std::string, int>{"conv2d", 0}));
  EXPECT_GT(operators.front().second, 0);
}

TEST(WatchOperators, GivesArgumentsAndResults) {
  torch::nn::Sequential module(torch::nn::Conv2d(1, 2, 3));
  const torch::Tensor input = torch::zeros({1, 1, 5, 5});
  int count = 0;
  const auto listen = [&](const WatchedOperator& op) {
    if (op.name != "conv2d") return;
    ++count;
    EXPECT_EQ(memory_of(op.inputs.at(0).toTensor()), memory_of(input));
    EXPECT_EQ(op.outputs.at(0).toTensor().sizes(), (std::vector<std::int64_t>{1, 2, 3, 3}));
  };
  watch_operators(*module, listen, [&] { module->forward(input); });
  EXPECT_EQ(count, 1);
}

TEST(WatchOperators, DoesNotWatchTheListenersOwnOperators) {
  torch::nn::Sequential module(torch::nn::Linear(3, 4));
  int count = 0;
  const auto listen = [&](const WatchedOperator& op) {
    ++count;
    op.outputs.at(0).toTensor().sum();
  };
  watch_operators(*module, listen, [] { torch::zeros({1}).exp(); });
  const int with_sum = std::exchange(count, 0);
  watch_operators(
      *module, [&](const WatchedOperator&) { ++count; }, [] { torch::zeros({1}).exp(); });
  EXPECT_EQ(with_sum, count);
}

TEST(WatchOperators, PassesOnWhatIsThrownAndLeavesNothingBehind) {
  torch::nn::Sequential module(torch::nn::Linear(3, 4));
  const auto work = [] { torch::zeros({1}); };
  const auto fail = [](const WatchedOperator&) { throw std::out_of_range("listener"); };
  EXPECT_THROW(watch_operators(*module, fail, work), std::out_of_range);
  const auto ignore = [](const WatchedOperator&) {};
  EXPECT_THROW(watch_operators(*module, ignore, [] { throw std::domain_error("run"); }), std::domain_error);
  const auto nested = [&] { watch_operators(*module, ignore, work); };
  EXPECT_THROW(watch_operators(*module, ignore, nested), std::invalid_argument);
  EXPECT_FALSE(at::hasThreadLocalCallbacks());
  EXPECT_NO_THROW(watch_operators(*module, ignore, work));
}

}  // namespace
}  // namespace margay::train
