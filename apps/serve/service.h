#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "apps/serve/api.h"
#include "apps/serve/client_watch.h"
#include "apps/serve/server_metrics.h"
#include "apps/serve/task_thread.h"
#include "margay/http/server.h"
#include "margay/serve/model_store.h"

namespace margay::routes {

struct ServiceOptions {
  std::string version = {};               ///< of the program
  std::int64_t max_images = 64;           ///< of one request
  std::int64_t max_pixels = 178'956'970;  ///< of one image, for maps; the queue's predictor has its own
};

/// What the routes share: the models, the numbers, and threads for what connections must not wait for.
struct ServiceParts {
  serve::ModelStore& store;
  ServerMetrics& metrics;
  TaskThread& reader;  ///< long bodies
  TaskThread& chores;  ///< maps
  TaskThread& loader;  ///< models that clients ask to be loaded
  ClientWatch& clients;
  const ServiceOptions& options;
};

/// The routes over some models, for one http::Server: it is its handler, admit() and count() are its hooks. Outlives
/// the server.
class Service {
 public:
  Service(std::unique_ptr<serve::ModelStore> store, http::Tokens tokens, ServiceOptions options);

  const Api& api() const { return api_; }
  serve::ModelStore& store() { return *store_; }

  /// Answers a request.
  void operator()(http::Request request, http::Reply reply) const {
    api_.router()(std::move(request), std::move(reply));
  }
  /// Refuses by the head alone what no handler would take: wrong paths and tokens, models that are not served, and
  /// images for a full queue, so that their bytes are never read.
  std::optional<http::Response> admit(const http::Request& head) const;
  /// Counts a request that was answered.
  void count(const http::AccessEntry& entry);

  /// From now on /v2/health/ready says no, so that a balancer sends nothing more.
  void begin_drain() { is_draining_ = true; }
  /// Where the numbers of connections come from; a function that is called while the server lives.
  void watch_server(std::function<http::ServerCounts()> counts) { server_counts_ = std::move(counts); }

  /// All numbers, as GET /metrics gives them.
  std::string metrics_text();

 private:
  void add_health_routes();
  void add_about_routes();

  ServiceOptions options_;
  ServerMetrics metrics_;
  std::atomic<bool> is_draining_ = false;
  std::function<http::ServerCounts()> server_counts_;
  std::mutex described_mutex_;
  std::map<std::string, std::string> described_;  ///< the version of each model that metrics_ knows
  ClientWatch clients_;
  /// After what its requests use when it ends and answers them, before the threads that use it.
  std::unique_ptr<serve::ModelStore> store_;
  TaskThread reader_, chores_, loader_;
  ServiceParts parts_;
  Api api_;
};

/// The served name in a path such as /predictions/{model}, or "".
std::string model_of_path(std::string_view path);

/// Answers what `answer` throws: http::RequestError with its status, other errors with 500.
void answer_errors(const http::Reply& reply, const std::function<void()>& answer);

/// The response to a refusal of the queue.
http::Response response_to(const serve::Refusal& refusal);
/// The response to an image that could not be predicted.
http::Response response_to(const serve::PredictedImage& image);

/// The model that answers now. Throws http::RequestError: 404 for a name that is not served, 503 where none is loaded.
std::shared_ptr<const serve::ServedModel> served_model(const serve::ModelStore& store, const std::string& name);

}  // namespace margay::routes
