#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "margay/run/run_registry.h"
#include "tests/support/temporary_folder.h"

namespace margay::testing_support {

/// A folder with a config.json, as a training makes it before it registers itself.
inline run::NewRun new_run(const std::filesystem::path& runs, const std::string& folder, const std::string& name,
                           const nlohmann::ordered_json& config = {{"arch", "resnet18"}}) {
  write(runs / folder / "config.json", config.dump());
  return {.folder = folder, .name = name, .group = "", .seed = 7, .config = config, .valid_images = 100};
}

inline run::RunEpoch error_epoch(std::int64_t epoch, double error_rate) {
  return {.stage = "unfrozen",
          .epoch = epoch,
          .train_loss = 0.5,
          .valid_loss = 2 * error_rate,
          .metrics = {{"error_rate", error_rate}},
          .seconds = 1.5};
}

/// Writes SQLite's user_version (big-endian, at byte 60 of the file) of a list of runs; returns what it was.
inline char set_index_version(const std::filesystem::path& index, char version) {
  constexpr std::streamoff kLastByte = 63;
  std::fstream file(index, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(kLastByte);
  const auto before = static_cast<char>(file.get());
  file.seekp(kLastByte);
  file.put(version);
  return before;
}

/// A run that is done after one epoch.
inline void add_done_run(run::RunRegistry& registry, const run::NewRun& run, double error_rate) {
  registry.add(run);
  registry.add_epoch(run.folder, error_epoch(0, error_rate));
  registry.finish(run.folder, run::RunStatus::kDone);
}

}  // namespace margay::testing_support
