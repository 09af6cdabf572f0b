#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "margay/core/image.h"
#include "margay/core/random.h"

namespace margay::testing_support {

/// Every byte drawn on its own: no interpolation mistake stays hidden.
inline core::Image noise_image(int height, int width, std::uint64_t seed = 1) {
  core::Image image(height, width);
  core::Random random{seed};
  for (std::uint8_t& byte : image.pixels) byte = static_cast<std::uint8_t>(random.below(256));
  return image;
}

/// Smooth in both directions, so that JPEG keeps it: red grows to the right, green downwards.
inline core::Image gradient_image(int height, int width) {
  core::Image image(height, width);
  for (int y = 0; y < height; ++y) {
    std::uint8_t* pixel = image.row(y);
    for (int x = 0; x < width; ++x, pixel += 3) {
      pixel[0] = static_cast<std::uint8_t>(255 * x / width);
      pixel[1] = static_cast<std::uint8_t>(255 * y / height);
      pixel[2] = 128;
    }
  }
  return image;
}

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
