#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace margay::core {

/// A decoded image: uint8 [H,W,3], RGB, row-major without gaps, 0–255.
struct Image {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> pixels;  ///< uint8 [H,W,3]

  Image() = default;
  /// A black image. Throws std::invalid_argument when a side is negative.
  Image(int height, int width);

  /// The first byte of row y, uint8 [W,3]. y must lie in 0 … height-1; it is not checked.
  std::uint8_t* row(int y) { return pixels.data() + row_offset(y); }
  const std::uint8_t* row(int y) const { return pixels.data() + row_offset(y); }

 private:
  std::size_t row_offset(int y) const { return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * 3; }
};

}  // namespace margay::core
