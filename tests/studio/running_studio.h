#pragma once

#include <memory>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "apps/studio/studio.h"
#include "margay/http/client.h"
#include "tests/support/temporary_folder.h"

namespace margay::testing_support {

/// A studio on a free port, over folders that lie in a temporary one: runs/, and images/ with one file.
class RunningStudio {
 public:
  explicit RunningStudio(studio::StudioOptions options = {}, studio::StudioProgram program = {}) {
    write(folder_ / "images/cats/1.txt", "a cat");
    options.runs = folder_ / "runs";
    if (options.folders.empty()) options.folders = {folder_ / "images"};
    program.version = "1.2.3";
    studio_ = std::make_unique<studio::Studio>(options, std::move(program));
    server_ = std::make_unique<http::Server>(
        studio::server_options(options), std::ref(*studio_),
        http::ServerHooks{.admit = [this](const http::Request& head) { return studio_->admit(head); }});
    server_->start();
  }

  /// As a program does that knows the token.
  http::ClientResponse send(std::string method, std::string target, std::string_view body = {}) {
    return send_with({{"Authorization", "Bearer " + token()}}, std::move(method), std::move(target), body);
  }
  /// As whoever sends these headers.
  http::ClientResponse send_with(http::Headers headers, std::string method, std::string target,
                                 std::string_view body = {}) {
    return http::Client(server_->address())
        .send({.method = std::move(method), .target = std::move(target), .headers = std::move(headers), .body = body});
  }
  http::ClientResponse get(std::string target) { return send("GET", std::move(target)); }
  /// The body, which must be JSON.
  nlohmann::json json(std::string target) { return nlohmann::json::parse(get(std::move(target)).body); }

  /// What a page sends that listens.
  std::string events_request() const {
    return "GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token() + "\r\n\r\n";
  }
  const std::string& token() const { return studio_->access().token(); }
  /// "NAME=VALUE", as the browser sends it.
  std::string cookie() const {
    const std::string cookie = studio_->access().cookie();
    return cookie.substr(0, cookie.find(';'));
  }
  std::string origin() const { return server_->address(); }
  int port() const { return std::stoi(origin().substr(origin().rfind(':') + 1)); }
  studio::Studio& studio() { return *studio_; }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<studio::Studio> studio_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace margay::testing_support
