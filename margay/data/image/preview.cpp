#include "margay/data/image/preview.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/data/image/resample.h"

namespace margay::data {

std::string half_blocks(const core::Image& image, int columns) {
  if (image.height < 1 || image.width < 1 || columns < 1) {
    throw std::invalid_argument("[half_blocks] needs an image with pixels, and columns from 1 on");
  }
  const int width = std::min(columns, image.width);
  const int height = std::max(1, static_cast<int>(static_cast<std::int64_t>(image.height) * width / image.width));
  const core::Image small = resample(image, height, width);
  std::string text;
  for (int y = 0; y < height; y += 2) {
    const std::uint8_t* upper = small.row(y);
    const std::uint8_t* lower = y + 1 < height ? small.row(y + 1) : nullptr;
    for (int x = 0; x < width; ++x, upper += 3) {
      fmt::format_to(std::back_inserter(text), "\x1b[38;2;{};{};{}m", upper[0], upper[1], upper[2]);
      if (lower != nullptr) {
        fmt::format_to(std::back_inserter(text), "\x1b[48;2;{};{};{}m", lower[0], lower[1], lower[2]);
        lower += 3;
      }
      text += "▀";
    }
    text += "\x1b[0m\n";
  }
  return text;
}

}  // namespace margay::data
