#include "apps/serve/server_metrics.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

namespace margay::routes {
namespace {

/// The samples of the text format by their name with labels.
std::map<std::string, double> samples_of(const ServerMetrics& metrics) {
  std::map<std::string, double> samples;
  std::istringstream lines(metrics.text());
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t space = line.rfind(' ');
    samples[line.substr(0, space)] = std::stod(line.substr(space + 1));
  }
  return samples;
}

serve::PredictedImage image_of_batch(int size) {
  serve::PredictedImage image{.confidence = .97};
  image.input_mean = {.2, .4, .6};
  image.times.queued_ms = 1;
  image.times.decoded_ms = 100;
  image.times.waited_ms = 2;
  image.times.batch_size = size;
  return image;
}

TEST(ServerMetrics, CountsRequestsByServedModelAndStatus) {
  ServerMetrics metrics({"pets"});
  metrics.count_request("pets", 200, .02);
  metrics.count_request("pets", 422, .02);
  metrics.count_request("", 200, .02);
  const auto samples = samples_of(metrics);
  EXPECT_EQ(samples.at(R"(margay_requests_total{code="200",model="pets"})"), 1);
  EXPECT_EQ(samples.at(R"(margay_requests_total{code="422",model="pets"})"), 1);
  EXPECT_EQ(samples.at(R"(margay_requests_total{code="200",model=""})"), 1);
  EXPECT_EQ(samples.at(R"(margay_request_duration_seconds_count{model="pets"})"), 2);
}

TEST(ServerMetrics, TenThousandModelsThatClientsNameMakeNoNumbers) {
  ServerMetrics metrics({"pets"});
  metrics.count_request("nobody", 404, .001);
  const std::size_t before = samples_of(metrics).size();
  for (int i = 0; i < 10'000; ++i) metrics.count_request("model" + std::to_string(i), 404, .001);
  for (int code = -5; code < 100; ++code) metrics.count_request("pets", code, .001);
  const auto samples = samples_of(metrics);
  EXPECT_EQ(samples.size(), before + 1);
  EXPECT_EQ(samples.at(R"(margay_requests_total{code="404",model=""})"), 10'001);
  EXPECT_EQ(samples.at(R"(margay_requests_total{code="0",model="pets"})"), 105);
}

TEST(ServerMetrics, CountsEachBatchOnceAndEachImage) {
  ServerMetrics metrics({"pets"});
  for (int i = 0; i < 8; ++i) metrics.count_image("pets", image_of_batch(4), i == 0);
  metrics.count_image("pets", image_of_batch(1), false);
  const auto samples = samples_of(metrics);
  EXPECT_EQ(samples.at(R"(margay_batch_size_count{model="pets"})"), 3);
  EXPECT_EQ(samples.at(R"(margay_batch_size_sum{model="pets"})"), 9);
  EXPECT_EQ(samples.at(R"(margay_images_total{model="pets"})"), 9);
  EXPECT_EQ(samples.at(R"(margay_unknown_total{model="pets"})"), 1);
  EXPECT_NEAR(samples.at(R"(margay_queue_duration_seconds_sum{model="pets"})"), .027, 1e-9);
  EXPECT_EQ(samples.at(R"(margay_confidence_bucket{model="pets",le="0.95"})"), 0);
  EXPECT_EQ(samples.at(R"(margay_confidence_bucket{model="pets",le="0.99"})"), 9);
  EXPECT_NEAR(samples.at(R"(margay_input_mean{channel="green",model="pets",of="requests"})"), .4, 1e-9);
}

TEST(ServerMetrics, DescribesTheModelThatAnswersNow) {
  ServerMetrics metrics({"pets"});
  serve::ModelFacts facts{
      .name = "pets", .version = "1", .architecture = "resnet18", .precision = "fp32", .device = "cpu"};
  facts.training.emplace().mean = {.1, .2, .3};
  metrics.describe(facts);
  facts.version = "2";
  metrics.describe(facts);
  const std::string text = metrics.text();
  EXPECT_NE(text.find(R"(version="2")"), std::string::npos) << text;
  EXPECT_EQ(text.find(R"(version="1")"), std::string::npos) << text;
  const std::string blue = R"(margay_input_mean{channel="blue",model="pets",of="training"})";
  EXPECT_EQ(samples_of(metrics).at(blue), .3);
  facts.training.reset();
  metrics.describe(facts);
  EXPECT_FALSE(samples_of(metrics).contains(blue)) << "of another model";
  metrics.forget("pets");
  EXPECT_EQ(metrics.text().find("margay_model_info{"), std::string::npos);
}

TEST(ServerMetrics, CountsConnectionsThatWereRefused) {
  ServerMetrics metrics({"pets"});
  metrics.set_server({.refused_connections = 3});
  metrics.set_server({.refused_connections = 5});
  EXPECT_EQ(samples_of(metrics).at("margay_connections_refused_total"), 5);
}

TEST(ServerMetrics, TellsTheProcessItself) {
  const auto samples = samples_of(ServerMetrics({}));
  EXPECT_GT(samples.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(samples.at("process_virtual_memory_bytes"), samples.at("process_resident_memory_bytes"));
  EXPECT_GE(samples.at("process_open_fds"), 3);
  EXPECT_GE(samples.at("process_max_fds"), samples.at("process_open_fds"));
  EXPECT_GE(samples.at("process_threads"), 1);
  EXPECT_GT(samples.at("process_start_time_seconds"), 1.5e9);
  EXPECT_GT(samples.at("process_cpu_seconds_total"), 0);
}

}  // namespace
}  // namespace margay::routes
