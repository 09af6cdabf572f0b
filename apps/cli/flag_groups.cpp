#include "apps/cli/flag_groups.h"

#include <map>

namespace margay::cli {
namespace {

const std::map<std::string, std::string>& groups() {
  static const std::map<std::string, std::string> groups = {
      {"auto_batch", "For --auto-batch-size"},
      {"data", "Labels and split"},
      {"transforms", "Sizes, crops and augmentation"},
      {"batch", "Sizes, crops and augmentation"},
      {"loader", "Batches"},
      {"mix", "Batches"},
      {"vision_learner", "Network"},
      {"optimizer", "Optimizer"},
      {"loss", "Loss"},
      {"learner", "Device, precision and memory"},
      {"fine_tune", "Fine-tuning, the default recipe"},
      {"distillation", "A teacher"},
      {"listeners", "Clipping, averages, the best epoch, stopping early"},
      {"log", "Logs and checkpoints"},
      {"checkpoints", "Logs and checkpoints"},
  };
  return groups;
}

}  // namespace

std::string flag_group(const std::string& options, const std::string& outer) {
  const auto found = groups().find(options);
  return found == groups().end() ? outer : found->second;
}

}  // namespace margay::cli
