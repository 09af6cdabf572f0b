#pragma once

#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "apps/serve/service.h"
#include "margay/bundle/bundle.h"
#include "margay/http/client.h"
#include "margay/serve/predictor.h"
#include "tests/support/tiny_images.h"

namespace margay::testing_support {

/// A network that was never trained; `seed` decides its weights.
inline bundle::Bundle served_bundle(int seed, data::Task task = data::Task::kSingleLabel) {
  torch::manual_seed(seed);
  bundle::Bundle bundle;
  bundle.classifier = model::make_classifier({.architecture = "resnet20", .num_classes = 3});
  bundle.vocabulary = data::Vocabulary({"flat", "round", "upright"});
  bundle.task = task;
  bundle.transforms.resize = {.size = 24};
  bundle.transforms.augment = {.size = 16};
  return bundle;
}

/// A server with the models `pets` (one label) and `tags` (several), on a free port; the token is kToken, if it has
/// one.
class RunningService {
 public:
  static constexpr const char* kToken = "0123456789abcdef";
  enum class Access { kOpen, kToken };

  explicit RunningService(Access access = Access::kOpen) {
    bundle::save_bundle(folder_ / "pets.margay", served_bundle(1));
    bundle::save_bundle(folder_ / "tags.margay", served_bundle(2, data::Task::kMultiLabel));
    auto store = std::make_unique<serve::ModelStore>(
        std::vector<serve::ModelFile>{{"pets", folder_ / "pets.margay"}, {"tags", folder_ / "tags.margay"}},
        serve::PredictorOptions(), serve::QueueOptions());
    store->load_all();
    const http::Tokens tokens =
        access == Access::kToken ? http::Tokens(std::vector<std::string>{kToken}) : http::Tokens();
    service_ = std::make_unique<routes::Service>(std::move(store), tokens, routes::ServiceOptions{.version = "1.2.3"});
    server_ = std::make_unique<http::Server>(
        http::ServerOptions{.port = 0}, std::ref(*service_),
        http::ServerHooks{.admit = [this](const http::Request& head) { return service_->admit(head); },
                          .access = [this](const http::AccessEntry& entry) { service_->count(entry); }});
    service_->watch_server([this] { return server_->counts(); });
    server_->start();
    client_ = std::make_unique<http::Client>(server_->address());
  }

  http::ClientResponse get(const std::string& target) { return client_->get(target); }
  http::ClientResponse post(const std::string& target, const std::string& body, http::Headers headers = {}) {
    return client_->send({.method = "POST", .target = target, .headers = std::move(headers), .body = body});
  }
  /// The body, which must be JSON.
  nlohmann::json json_of(const http::ClientResponse& response) { return nlohmann::json::parse(response.body); }

  std::string png(int kind = 0) {
    const auto file = folder_ / "image.png";
    data::write_png(file, striped_image(kind, 0, 24));
    return file_content(file);
  }

  serve::ModelStore& store() { return service_->store(); }
  routes::Service& service() { return *service_; }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<routes::Service> service_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace margay::testing_support
