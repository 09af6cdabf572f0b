#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "margay/train/learner.h"

namespace margay::cli {

/// runs/<time>-<name>/: everything that one training leaves.
class RunFolder {
 public:
  /// Makes the folder. Throws core::IoError when that is not possible.
  RunFolder(const std::filesystem::path& runs, const std::string& name);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path model() const { return path_ / "model.margay"; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoints" / "last.safetensors"; }

  /// Pictures, labels and who validates; --labels-csv takes it to repeat the split. Several labels need JSON lines.
  std::filesystem::path split(data::Task task) const {
    return path_ / (task == data::Task::kSingleLabel ? "split.csv" : "split.jsonl");
  }

  /// config.json: what was really used; `margay train --config` runs it again.
  void write_config(const nlohmann::ordered_json& config) const;
  /// history.csv: one line per epoch.
  void write_history(const train::Learner& learner) const;

 private:
  std::filesystem::path path_;
};

}  // namespace margay::cli
