#pragma once

#include <fstream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "margay/core/options.h"

namespace margay::cli {

/// --config FILE: settings from a run's config.json; other flags win over it wherever they stand, because the file
/// is read while the command line is, before the flags are assigned.
template <core::Options T>
void add_config_flag(CLI::App& command, T& options) {
  const auto read = [&options](const std::string& path) {
    std::ifstream file(path);
    if (!file) throw CLI::FileError::Missing(path);
    const auto json = nlohmann::ordered_json::parse(file, nullptr, false);
    if (json.is_discarded()) throw CLI::ValidationError(path + ": not JSON");
    try {
      core::from_json(json, options);
    } catch (const std::invalid_argument& error) {
      throw CLI::ValidationError(path + ": " + error.what());
    }
  };
  command.add_option_function<std::string>("--config", read, "settings of an earlier run: its config.json")
      ->type_name("FILE")
      ->trigger_on_parse();
}

}  // namespace margay::cli
