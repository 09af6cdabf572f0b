#include <gtest/gtest.h>

#include "margay/train/choose_network.h"
#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

/// 600 images in 4 epochs: 2400 images, which 10 images/s train in 4 minutes.
TrainingDemand demand(double minutes) { return {.train_images = 600, .epochs = 4, .minutes = minutes}; }

std::vector<NetworkCandidate> three() {
  return {{.name = "small", .top1 = 60, .images_per_s = 40, .is_measured = true},
          {.name = "middle", .top1 = 70, .images_per_s = 20},
          {.name = "large", .top1 = 80, .images_per_s = 10}};
}

TEST(MinutesNeeded, CountsValidationAsAThirdOfTheWork) {
  const NetworkCandidate network{.name = "a", .images_per_s = 10};
  EXPECT_DOUBLE_EQ(minutes_needed(network, demand(1)), 4);
  EXPECT_DOUBLE_EQ(minutes_needed(network, {.train_images = 600, .valid_images = 450, .epochs = 4}), 5);
}

TEST(EstimateSpeeds, TakesTheNearestMeasuredNetwork) {
  std::vector<NetworkCandidate> networks = {{.name = "a", .gigamacs = 1, .images_per_s = 10, .is_measured = true},
                                            {.name = "b", .gigamacs = 2},
                                            {.name = "c", .gigamacs = 40},
                                            {.name = "d", .gigamacs = 20, .images_per_s = 4, .is_measured = true}};
  estimate_speeds(networks);
  EXPECT_DOUBLE_EQ(networks[0].images_per_s, 10);
  EXPECT_DOUBLE_EQ(networks[1].images_per_s, 5);
  EXPECT_DOUBLE_EQ(networks[2].images_per_s, 2);
  networks[0].is_measured = networks[3].is_measured = false;
  EXPECT_THROW(estimate_speeds(networks), std::invalid_argument);
}

TEST(ChooseNetwork, TakesTheMostAccurateThatFits) {
  EXPECT_EQ(choose_network(three(), demand(4)).picked, 2U);
  EXPECT_EQ(choose_network(three(), demand(3.9)).picked, 1U);
  EXPECT_EQ(choose_network(three(), demand(1)).picked, 0U);
}

TEST(ChooseNetwork, NamesTheNextThatFitsAndTheNextThatDoesNot) {
  const NetworkChoice choice = choose_network(three(), demand(3));
  EXPECT_EQ(choice.picked, 1U);
  EXPECT_EQ(choice.runner_up, 0U);
  EXPECT_EQ(choice.too_slow, 2U);
  EXPECT_EQ(choose_network(three(), demand(10)).too_slow, std::nullopt);
  EXPECT_EQ(choose_network(three(), demand(1)).runner_up, std::nullopt);
}

TEST(ChooseNetwork, TakesTheLowestErrorOfProbesWhereThereAreSome) {
  std::vector<NetworkCandidate> networks = three();
  networks[0].error = metric::ClusteredMean{.mean = 0.1};
  networks[1].error = metric::ClusteredMean{.mean = 0.2};
  const NetworkChoice choice = choose_network(networks, demand(10));
  EXPECT_EQ(choice.picked, 0U);  // the large one was not probed
  EXPECT_EQ(choice.runner_up, 1U);
}

TEST(ChooseNetwork, TakesTheFasterOfEquals) {
  std::vector<NetworkCandidate> networks = three();
  networks[1].top1 = 80;
  EXPECT_EQ(choose_network(networks, demand(10)).picked, 1U);
}

TEST(ChooseNetwork, PutsUnknownAccuracyLast) {
  std::vector<NetworkCandidate> networks = three();
  networks[2].top1 = 0;
  EXPECT_EQ(choose_network(networks, demand(10)).picked, 1U);
}

TEST(ChooseNetwork, SaysWhatTheFastestNeedsWhereNoneFits) {
  const std::string message =
      testing_support::thrown_message<std::invalid_argument>([] { choose_network(three(), demand(0.5)); });
  EXPECT_NE(message.find("the fastest, small, needs about 1.0 minutes"), std::string::npos) << message;
  EXPECT_THROW(choose_network({}, demand(1)), std::invalid_argument);
}

TEST(NextToMeasure, IsWhatWouldBePicked) { EXPECT_EQ(next_to_measure(three(), demand(3)), 1U); }

TEST(NextToMeasure, IsThenWhatAWrongEstimateMayHaveRuledOut) {
  std::vector<NetworkCandidate> networks = three();
  networks[1].is_measured = true;
  EXPECT_EQ(next_to_measure(networks, demand(3)), 2U);
  networks[2].is_measured = true;
  EXPECT_EQ(next_to_measure(networks, demand(3)), std::nullopt);
}

TEST(NextToMeasure, LeavesOutWhatIsFarTooSlow) {
  std::vector<NetworkCandidate> networks = three();
  networks[1].is_measured = true;
  networks[2].images_per_s = 1;
  EXPECT_EQ(next_to_measure(networks, demand(3)), std::nullopt);
}

/// small needs 1 minute and middle 2, if the estimate is right.
TEST(NextToMeasure, DoubtsThatNothingFits) {
  EXPECT_EQ(next_to_measure(three(), demand(0.99)), std::nullopt);
  std::vector<NetworkCandidate> networks = three();
  networks[0].is_measured = false;
  EXPECT_EQ(next_to_measure(networks, demand(0.99)), 0U);
}

constexpr auto kFp32 = model::Precision::kFp32;

TEST(NetworkSpeed, IsMeasuredForTrainingAndInference) {
  const NetworkSpeed speed = measure_network_speed(
      "resnet20", {.batch_size = 2, .size = 32, .precision = kFp32, .device = "cpu", .seconds = 0});
  EXPECT_GT(speed.train_images_per_s, 0);
  EXPECT_GT(speed.inference_images_per_s, speed.train_images_per_s);
  EXPECT_EQ(speed.precision, kFp32);
  EXPECT_EQ(speed.image_px, 32);
}

TEST(NetworkSpeed, TakesTheNetworksOwnSize) {
  EXPECT_EQ(measure_network_speed("resnet20", {.batch_size = 2, .device = "cpu", .seconds = 0}).image_px, 64);
}

TEST(NetworkSpeed, RefusesWhatItCannotMeasure) {
  EXPECT_THROW(measure_network_speed("resnet20", {.batch_size = 1}), std::invalid_argument);
  EXPECT_THROW(measure_network_speed("no-network"), std::invalid_argument);
}

}  // namespace

}  // namespace margay::train
