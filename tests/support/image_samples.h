#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace margay::testing_support {

using FileBytes = std::vector<std::uint8_t>;

inline std::filesystem::path image_samples_folder() {
  return std::filesystem::path(MARGAY_SOURCE_DIR) / "tests/data/image_samples";
}

/// A small image of every kind, 24x16 pixels: red grows to the right (255 * x / 24), green downwards
/// (255 * y / 16), blue is 128, an ellipse lies over x 6 … 17 and y 3 … 12. Where there is transparency, alpha is
/// 255 * (x + y) / 32, at most 255.
inline FileBytes image_sample(const std::string& name) {
  std::ifstream file(image_samples_folder() / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<std::string> image_sample_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(image_samples_folder())) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Numbers of several bytes at the end of a file made by hand, least significant byte first.
inline void append(FileBytes& file, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) file.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

inline void append(FileBytes& file, const std::string& text) { file.insert(file.end(), text.begin(), text.end()); }

}  // namespace margay::testing_support
