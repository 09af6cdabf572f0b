#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "margay/http/server.h"
#include "margay/serve/prediction_queue.h"
#include "margay/serve/served_model.h"

namespace margay::routes {

/// The server's numbers for Prometheus. Every name of a model that becomes a label is one of the constructor's: what
/// else clients name is counted under the empty name, so memory does not grow with what they ask for. Several threads
/// may count at once.
class ServerMetrics {
 public:
  explicit ServerMetrics(const std::vector<std::string>& models);
  ~ServerMetrics();

  /// Says what a model is from now on: margay_model_info, and margay_input_mean of its training images, if it knows
  /// them; not what was said before.
  void describe(const serve::ModelFacts& facts);
  /// Takes back what describe() has said.
  void forget(std::string_view model);

  /// A request for a model (any text) or for none (""): margay_requests_total{model,code} and, of a model,
  /// margay_request_duration_seconds. code: the status of HTTP.
  void count_request(std::string_view model, int code, double seconds);

  /// An image that was predicted: margay_images_total, margay_queue_duration_seconds (what it waited, without its
  /// decoding), margay_batch_size (each batch once), margay_confidence (the largest probability), margay_input_mean (of
  /// requests: an exponential mean over about the last 1,000 images) and margay_unknown_total.
  void count_image(std::string_view model, const serve::PredictedImage& image, bool is_none);

  void set_queue(std::string_view model, const serve::QueueState& state);
  /// margay_connections, margay_connections_refused_total and margay_requests_in_flight.
  void set_server(const http::ServerCounts& counts);

  /// All of it, and the process's own numbers (process_metrics.h), in Prometheus's text format 0.0.4.
  std::string text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

/// The Content-Type of ServerMetrics::text.
inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace margay::routes
