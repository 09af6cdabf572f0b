#include "apps/cli/run_folder.h"

#include <ctime>
#include <system_error>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "margay/core/atomic_file.h"
#include "margay/core/error.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

/// The first of NAME, NAME-2, NAME-3, … that nobody has made, so that two runs never share a folder.
fs::path make_new_folder(const fs::path& wanted) {
  std::error_code error;
  fs::create_directories(wanted.parent_path(), error);
  for (int attempt = 1; !error && attempt < 1000; ++attempt) {
    const fs::path path = attempt == 1 ? wanted : fs::path(fmt::format("{}-{}", wanted.string(), attempt));
    if (fs::create_directory(path, error)) return path;
  }
  throw core::IoError(wanted, "the run's folder cannot be made; choose another place with --runs", error.value());
}

}  // namespace

RunFolder::RunFolder(const fs::path& runs, const std::string& name) {
  const std::time_t now = std::time(nullptr);
  path_ = make_new_folder(runs / fmt::format("{:%Y%m%d-%H%M%S}-{}", fmt::localtime(now), name));
  fs::create_directory(path_ / "checkpoints");
}

void RunFolder::write_config(const nlohmann::ordered_json& config) const {
  core::write_file_atomically(path_ / "config.json", config.dump(2) + "\n");
}

void RunFolder::write_history(const train::Learner& learner) const {
  std::string text = "stage,epoch,train_loss,valid_loss";
  for (const auto& metric : learner.metrics()) text += fmt::format(",{}", metric->name());
  text += ",seconds,train_images_per_s,wait_share\n";
  for (const train::EpochRecord& record : learner.history()) {
    text += fmt::format("{},{},{},{}", record.stage, record.epoch, record.train_loss, record.valid_loss);
    for (const double metric : record.metrics) text += fmt::format(",{}", metric);
    text += fmt::format(",{:.3f},{:.2f},{:.4f}\n", record.seconds, record.train_images_per_s, record.wait_share);
  }
  core::write_file_atomically(path_ / "history.csv", text);
}

}  // namespace margay::cli
