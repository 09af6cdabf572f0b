#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace margay::testing_support {

/// A file or folder that lies beside the repository: photographs, weights, large golden files. It may be missing, as it
/// is for everybody but the authors; tests then skip with a message.
inline std::filesystem::path shared_path(const std::string& name) {
  return (std::filesystem::path(MARGAY_SOURCE_DIR) / ".." / "shared" / name).lexically_normal();
}

/// A golden file or folder: the repository's own (tests/golden) where it has one, else the one beside it.
inline std::filesystem::path golden_path(const std::string& name) {
  const std::filesystem::path own = std::filesystem::path(MARGAY_SOURCE_DIR) / "tests" / "golden" / name;
  return std::filesystem::exists(own) ? own : shared_path("golden") / name;
}

inline bool has_golden(const std::string& name) { return std::filesystem::exists(golden_path(name)); }

/// A file of golden values, read once and kept, so that loops may go over a part of it. has_golden(name) must hold.
inline const nlohmann::json& golden(std::string_view name) {
  static std::map<std::string, nlohmann::json, std::less<>> read;
  const auto found = read.find(name);
  if (found != read.end()) return found->second;
  std::ifstream file(golden_path(std::string(name)));
  return read.emplace(name, nlohmann::json::parse(file)).first->second;
}

}  // namespace margay::testing_support

/// Skips the test, with a message, where the golden values are not.
#define MARGAY_REQUIRE_GOLDEN(name)                                                            \
  do {                                                                                         \
    if (!::margay::testing_support::has_golden(name)) {                                        \
      GTEST_SKIP() << "no " << ::margay::testing_support::golden_path(name) << ", not tested"; \
    }                                                                                          \
  } while (false)
