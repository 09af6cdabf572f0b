#include "margay/predict/training_inputs.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/data/transform/normalization.h"

namespace margay::predict {
namespace {

TEST(InputMeter, MeasuresImagesAsPixelsAndTheirConfidence) {
  const data::Normalization normalization{.mean = {0.5, 0.25, 0}, .std = {0.5, 0.25, 1}};
  InputMeter meter;
  torch::Tensor images = torch::zeros({2, 3, 2, 2});
  images.select(0, 1).fill_(1);
  meter.add(images, normalization, torch::tensor({{0.04F, 0.96F}, {0.5F, 0.5F}}));
  meter.add(torch::ones({1, 3, 2, 2}), normalization, torch::tensor({{1.0F, 0.0F}}));
  const TrainingInputs inputs = meter.result().value();
  EXPECT_EQ(inputs.images, 3);
  EXPECT_DOUBLE_EQ(inputs.mean[0], (0.5 + 1 + 1) / 3);
  EXPECT_DOUBLE_EQ(inputs.mean[1], (0.25 + 0.5 + 0.5) / 3);
  EXPECT_NEAR(inputs.deviation[2], std::sqrt(2.0 / 9), 1e-12);
  std::vector<std::int64_t> confidence(20);
  confidence[10] = 1;
  confidence[19] = 2;
  EXPECT_EQ(inputs.confidence, confidence);
  EXPECT_EQ(TrainingInputs::from_json(inputs.to_json()).to_json(), inputs.to_json());
}

TEST(TrainingInputs, RefuseCountsThatContradictEachOther) {
  InputMeter meter;
  meter.add(torch::zeros({2, 3, 2, 2}), {}, torch::full({2, 2}, 0.5));
  nlohmann::ordered_json json = meter.result()->to_json();
  json["images"] = 3;
  EXPECT_THROW(TrainingInputs::from_json(json), std::invalid_argument);
  json.erase("mean");
  EXPECT_ANY_THROW(TrainingInputs::from_json(json));
}

TEST(InputMeter, LeavesOutImagesOfOtherChannels) {
  InputMeter meter;
  meter.add(torch::zeros({2, 1, 2, 2}), {}, torch::full({2, 2}, 0.5));
  EXPECT_FALSE(meter.result());
}

}  // namespace
}  // namespace margay::predict
