#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/command.h"
#include "margay/core/options.h"
#include "margay/http/server.h"
#include "margay/serve/model_store.h"
#include "margay/serve/predictor.h"

namespace margay::cli {

/// What `margay serve` takes.
struct ServeOptions {
  std::vector<std::string> models;  ///< FILE or NAME=FILE; not in the table
  std::optional<std::filesystem::path> token_file;
  std::optional<std::string> access_log;  ///< "-": standard error
  std::optional<std::string> check;       ///< a server's address
  bool watch = false;
  double drain_delay_seconds = 0;
  double drain_seconds = 30;
  int max_images = 64;
  http::ServerOptions server;
  serve::QueueOptions queue;
  serve::PredictorOptions predictor;

  static const core::OptionTable& fields();
};

/// Flags that differ from their fields; those of the predictor that the queue decides have none.
const Renamed& serve_flag_names();

/// The names and files of "pets.margay" and "cats=runs/…/model.margay". A text that is the path of a file is no name
/// before "=". Throws UsageError for a name that cannot be in a path of HTTP, and for one that comes twice.
std::vector<serve::ModelFile> served_files(const std::vector<std::string>& models);

}  // namespace margay::cli
