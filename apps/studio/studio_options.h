#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/http/server.h"

namespace margay::studio {

/// What `margay studio` takes.
struct StudioOptions {
  std::vector<std::filesystem::path> folders;  ///< of images; not in the table
  std::filesystem::path runs = "runs";
  std::string host = "127.0.0.1";
  int port = 0;                                     ///< 0: a free one
  std::vector<std::string> allowed_hosts = {};      ///< beside those of this machine's loopback, and `host`
  std::optional<std::filesystem::path> token_file;  ///< absent: a new token at each start
  /// Where networks compute, as model::find_device. Absent: as the commands do that the views stand for, so that
  /// predictions have the bits of `margay predict`.
  std::optional<std::string> device;
  bool open = false;
  bool read_only = false;

  static const core::OptionTable& fields();
};

/// Whether only this machine can reach the host: "localhost", 127.0.0.0/8, ::1.
bool is_loopback(const std::string& host);

/// How the studio's server listens. It only answers for names that a page of another host cannot have made to mean this
/// machine (DNS rebinding): those of the loopback, the host itself, and the allowed ones.
http::ServerOptions server_options(const StudioOptions& options);

}  // namespace margay::studio
