#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace margay::testing_support {

/// Writes the bytes as they are, and makes the folders on the way.
inline void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace margay::testing_support
