#include "apps/studio/studio_options.h"

namespace margay::studio {

const core::OptionTable& StudioOptions::fields() {
  static const core::OptionTable table(
      "studio",
      {core::field<&StudioOptions::runs>("runs", "folder where runs are kept"),
       core::field<&StudioOptions::host>("host", "where it listens: a name or an address"),
       core::field<&StudioOptions::port>("port", "0: a free one", {0, 65'535}),
       core::field<&StudioOptions::allowed_hosts>(
           "allowed_hosts", "further names under which browsers reach this machine, as behind a proxy"),
       core::field<&StudioOptions::token_file>(
           "token_file", "a file with the token to ask for, so that the address stays the same; without it a new one"),
       core::field<&StudioOptions::device>(
           "device",
           "where networks compute: cpu, cuda, cuda:N or auto; without it models predict on the cpu, and probes and "
           "searches use cuda if there is one, as their commands do"),
       core::field<&StudioOptions::open>("open", "open the page in the browser"),
       core::field<&StudioOptions::read_only>("read_only",
                                              "show everything, change nothing: no trainings, no labels")});
  return table;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

namespace {

/// As Host writes it: "[::1]".
std::string name_in_host(const std::string& host) {
  const bool is_bare = host.find(':') != std::string::npos && !host.starts_with('[');
  return is_bare ? "[" + host + "]" : host;
}

}  // namespace

http::ServerOptions server_options(const StudioOptions& options) {
  constexpr int kMaxBodyMb = 64;
  http::ServerOptions server{.host = options.host, .port = options.port, .max_body_mb = kMaxBodyMb};
  server.allowed_hosts = {"localhost", "127.0.0.1", "[::1]", name_in_host(options.host)};
  server.allowed_hosts.insert(server.allowed_hosts.end(), options.allowed_hosts.begin(), options.allowed_hosts.end());
  return server;
}

}  // namespace margay::studio
