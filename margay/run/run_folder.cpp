#include "margay/run/run_folder.h"

#include <ctime>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace margay::run {
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
  throw core::IoError(wanted, "the run's folder cannot be made; choose another place with `runs`", error.value());
}

fs::path new_folder(const fs::path& runs, const std::string& name) {
  return make_new_folder(runs / fmt::format("{:%Y%m%d-%H%M%S}-{}", fmt::localtime(std::time(nullptr)), name));
}

}  // namespace

RunFolder::RunFolder(fs::path path) : path_(std::move(path)), lock_(path_ / ".lock") {}

RunFolder::RunFolder(const fs::path& runs, const std::string& name) : RunFolder(new_folder(runs, name)) {}

RunFolder RunFolder::open(const fs::path& path) {
  if (!fs::is_regular_file(path / "config.json")) {
    throw core::DataError(path, "no run: there is no config.json in it; runs lie in the folder that `runs` named");
  }
  return RunFolder(path);
}

nlohmann::ordered_json RunFolder::read_config_json() const {
  std::ifstream file(config());
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(file, nullptr, false);
  if (json.is_discarded()) throw core::FormatError(config(), "not JSON");
  return json;
}

void RunFolder::write_config(const nlohmann::ordered_json& config) const {
  core::write_file_atomically(this->config(), config.dump(2) + "\n");
}

}  // namespace margay::run
