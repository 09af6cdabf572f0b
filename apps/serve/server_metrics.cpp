#include "apps/serve/server_metrics.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "apps/serve/process_metrics.h"

namespace margay::routes {
namespace {

using Counters = prometheus::Family<prometheus::Counter>;
using Gauges = prometheus::Family<prometheus::Gauge>;
using Histograms = prometheus::Family<prometheus::Histogram>;

/// Upper bounds of histograms. A request takes milliseconds on a small network, seconds behind a full queue.
const prometheus::Histogram::BucketBoundaries kSeconds = {.001, .0025, .005, .01, .025, .05, .1,
                                                          .25,  .5,    1,    2.5, 5,    10,  30};
const prometheus::Histogram::BucketBoundaries kImages = {1, 2, 4, 8, 16, 32, 64, 128, 256};
const prometheus::Histogram::BucketBoundaries kShares = {.1, .2, .3, .4, .5, .6, .7, .8, .9, .95, .99, .999};

constexpr std::size_t kMostBatch = 1024;

constexpr std::string_view kNoModel = "";
constexpr std::array kChannels = {"red", "green", "blue"};

}  // namespace

struct ServerMetrics::Families {
  /// The numbers of one model.
  struct ModelNumbers {
    prometheus::Histogram* request_seconds = nullptr;
    prometheus::Histogram* queue_seconds = nullptr;
    prometheus::Histogram* batch_size = nullptr;
    prometheus::Histogram* confidence = nullptr;
    prometheus::Counter* images = nullptr;
    prometheus::Counter* unknown = nullptr;
    prometheus::Gauge* queue_images = nullptr;
    prometheus::Gauge* info = nullptr;
    std::array<prometheus::Gauge*, 3> input_mean{};

    std::mutex mutex;  ///< for what follows
    std::array<prometheus::Gauge*, 3> training_mean{};
    double images_seen = 0;
    std::array<double, 3> mean{};
    /// Of each batch size, the images that were not counted as a batch yet: n images of batches of n are one.
    std::vector<std::size_t> images_of_size = std::vector<std::size_t>(kMostBatch + 1);
  };

  prometheus::Registry registry;
  Counters& requests = prometheus::BuildCounter()
                           .Name("margay_requests_total")
                           .Help("Requests by model (empty: none that is served) and status.")
                           .Register(registry);
  Histograms& request_seconds = prometheus::BuildHistogram()
                                    .Name("margay_request_duration_seconds")
                                    .Help("Time from the end of a request's head to its response.")
                                    .Register(registry);
  Histograms& queue_seconds = prometheus::BuildHistogram()
                                  .Name("margay_queue_duration_seconds")
                                  .Help("Time that an image waits until its batch begins.")
                                  .Register(registry);
  Histograms& batch_size =
      prometheus::BuildHistogram().Name("margay_batch_size").Help("Images computed at once.").Register(registry);
  Histograms& confidence = prometheus::BuildHistogram()
                               .Name("margay_confidence")
                               .Help("The largest probability of each image; it sinks when images change.")
                               .Register(registry);
  Counters& images =
      prometheus::BuildCounter().Name("margay_images_total").Help("Images predicted.").Register(registry);
  Counters& unknown = prometheus::BuildCounter()
                          .Name("margay_unknown_total")
                          .Help("Images refused as none of the classes.")
                          .Register(registry);
  Gauges& queue_images =
      prometheus::BuildGauge().Name("margay_queue_images").Help("Images that wait to be predicted.").Register(registry);
  Gauges& model_info =
      prometheus::BuildGauge().Name("margay_model_info").Help("The models that are served; 1.").Register(registry);
  Gauges& input_mean = prometheus::BuildGauge()
                           .Name("margay_input_mean")
                           .Help("Mean of the pixels' channels, 0 to 1, over requests and over the training images.")
                           .Register(registry);
  prometheus::Gauge& connections =
      prometheus::BuildGauge().Name("margay_connections").Help("Connections that are open.").Register(registry).Add({});

  prometheus::Counter& refused_connections =
      prometheus::BuildCounter()
          .Name("margay_connections_refused_total")
          .Help("Connections refused, as there were --max-connections already, or for want of open files.")
          .Register(registry)
          .Add({});
  prometheus::Gauge& in_flight = prometheus::BuildGauge()
                                     .Name("margay_requests_in_flight")
                                     .Help("Requests that are not answered yet.")
                                     .Register(registry)
                                     .Add({});

  std::map<std::string, ModelNumbers, std::less<>> models;  ///< never changes after the constructor
  std::shared_mutex mutex;                                  ///< for what follows
  /// By model and status, so that a request makes no text of its status and takes no lock of the library.
  std::map<std::pair<std::string_view, int>, prometheus::Counter*> codes;

  ModelNumbers* find(std::string_view model) {
    const auto found = models.find(model);
    return found == models.end() ? nullptr : &found->second;
  }

  /// model: a key of `models`, or a constant.
  prometheus::Counter& requests_of(std::string_view model, int code) {
    const std::pair key(model, code);
    {
      const std::shared_lock lock(mutex);
      if (const auto found = codes.find(key); found != codes.end()) return *found->second;
    }
    const std::unique_lock lock(mutex);
    const auto [found, is_new] = codes.try_emplace(key, nullptr);
    if (is_new) found->second = &requests.Add({{"model", std::string(model)}, {"code", std::to_string(code)}});
    return *found->second;
  }

  prometheus::Gauge& mean_of(const std::string& model, std::size_t channel, const char* of) {
    return input_mean.Add({{"model", model}, {"channel", kChannels.at(channel)}, {"of", of}});
  }

  void add(const std::string& model) {
    const prometheus::Labels labels = {{"model", model}};
    ModelNumbers& numbers = models[model];
    numbers.request_seconds = &request_seconds.Add(labels, kSeconds);
    numbers.queue_seconds = &queue_seconds.Add(labels, kSeconds);
    numbers.batch_size = &batch_size.Add(labels, kImages);
    numbers.confidence = &confidence.Add(labels, kShares);
    numbers.images = &images.Add(labels);
    numbers.unknown = &unknown.Add(labels);
    numbers.queue_images = &queue_images.Add(labels);
    for (std::size_t c = 0; c < kChannels.size(); ++c) numbers.input_mean.at(c) = &mean_of(model, c, "requests");
  }
};

ServerMetrics::ServerMetrics(const std::vector<std::string>& models) : families_(std::make_unique<Families>()) {
  for (const std::string& model : models) families_->add(model);
}
ServerMetrics::~ServerMetrics() = default;

void ServerMetrics::describe(const serve::ModelFacts& facts) {
  forget(facts.name);
  Families& all = *families_;
  auto* numbers = all.find(facts.name);
  if (numbers == nullptr) return;
  const std::scoped_lock locked(numbers->mutex);
  numbers->info = &all.model_info.Add({{"model", facts.name},
                                       {"version", facts.version},
                                       {"architecture", facts.architecture},
                                       {"precision", facts.precision},
                                       {"device", facts.device}});
  numbers->info->Set(1);
  if (!facts.training) return;
  for (std::size_t c = 0; c < kChannels.size(); ++c) {
    numbers->training_mean.at(c) = &all.mean_of(facts.name, c, "training");
    numbers->training_mean.at(c)->Set(facts.training->mean.at(c));
  }
}

void ServerMetrics::forget(std::string_view model) {
  auto* numbers = families_->find(model);
  if (numbers == nullptr) return;
  const std::scoped_lock locked(numbers->mutex);
  if (auto* info = std::exchange(numbers->info, nullptr)) families_->model_info.Remove(info);
  for (prometheus::Gauge*& mean : numbers->training_mean) {
    if (auto* old = std::exchange(mean, nullptr)) families_->input_mean.Remove(old);
  }
}

void ServerMetrics::count_request(std::string_view model, int code, double seconds) {
  const auto found = families_->models.find(model);
  const bool is_served = found != families_->models.end();
  const bool is_status = code >= 100 && code <= 599;
  families_->requests_of(is_served ? std::string_view(found->first) : kNoModel, is_status ? code : 0).Increment();
  if (is_served) found->second.request_seconds->Observe(seconds);
}

void ServerMetrics::count_image(std::string_view model, const serve::PredictedImage& image, bool is_none) {
  auto* numbers = families_->find(model);
  if (numbers == nullptr) return;
  numbers->images->Increment();
  if (is_none) numbers->unknown->Increment();
  numbers->queue_seconds->Observe((image.times.queued_ms + image.times.waited_ms) / 1000);
  numbers->confidence->Observe(image.confidence);
  const std::scoped_lock locked(numbers->mutex);
  constexpr double kMemory = 1000;  // images
  numbers->images_seen = std::min(numbers->images_seen + 1, kMemory);
  for (std::size_t c = 0; c < kChannels.size(); ++c) {
    double& mean = numbers->mean.at(c);
    mean += (image.input_mean.at(c) - mean) / numbers->images_seen;
    numbers->input_mean.at(c)->Set(mean);
  }
  const auto size =
      std::clamp<std::size_t>(static_cast<std::size_t>(std::max(1, image.times.batch_size)), 1, kMostBatch);
  if (++numbers->images_of_size[size] < size) return;
  numbers->images_of_size[size] = 0;
  numbers->batch_size->Observe(static_cast<double>(size));
}

void ServerMetrics::set_queue(std::string_view model, const serve::QueueState& state) {
  if (auto* numbers = families_->find(model)) numbers->queue_images->Set(static_cast<double>(state.images));
}

void ServerMetrics::set_server(const http::ServerCounts& counts) {
  families_->connections.Set(static_cast<double>(counts.connections));
  prometheus::Counter& refused = families_->refused_connections;
  refused.Increment(static_cast<double>(counts.refused_connections) - refused.Value());
  families_->in_flight.Set(static_cast<double>(counts.in_flight));
}

std::string ServerMetrics::text() const {
  std::vector<prometheus::MetricFamily> families = families_->registry.Collect();
  for (prometheus::MetricFamily& family : process_metrics()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace margay::routes
