#include "margay/core/error.h"

#include <system_error>

#include <fmt/format.h>

namespace margay::core {

DataError::DataError(std::filesystem::path path, const std::string& problem)
    : Error(path.empty() ? problem : path.string() + ": " + problem), path_(std::move(path)), problem_(problem) {}

IoError::IoError(const std::filesystem::path& path, const std::string& problem)
    : Error(path.string() + ": " + problem) {}

IoError::IoError(const std::filesystem::path& path, const std::string& problem, int errno_value)
    : IoError(path, problem + " (" + std::generic_category().message(errno_value) + ")") {}

ExitCode exit_code(const std::exception& error) {
  if (dynamic_cast<const DataError*>(&error) != nullptr) return ExitCode::kBadData;
  if (dynamic_cast<const Interrupted*>(&error) != nullptr) return ExitCode::kInterrupted;
  if (dynamic_cast<const std::invalid_argument*>(&error) != nullptr) return ExitCode::kUsage;
  return ExitCode::kFailed;
}

void check_failed(const char* condition, const char* file, int line, const std::string& message) {
  throw InternalError(fmt::format("{} [{} is false at {}:{}]", message, condition, file, line));
}

}  // namespace margay::core
