#include "margay/data/image/codec.h"

#include <climits>
#include <utility>

#include <fmt/format.h>

namespace margay::data {
namespace {

using namespace std::string_view_literals;

constexpr int kUpright = 1;

/// Where the upright pixel (y, x) is stored: at `origin + y * down + x * right`, in pixels.
struct ExifWalk {
  std::ptrdiff_t origin;
  std::ptrdiff_t down;
  std::ptrdiff_t right;
};

/// EXIF 2.3, tag 0x0112: which stored side is the upright top, and which the left.
ExifWalk walk_of(int orientation, std::ptrdiff_t height, std::ptrdiff_t width) {
  const std::ptrdiff_t last_row = (height - 1) * width;
  switch (orientation) {
    case 2:
      return {width - 1, width, -1};
    case 3:
      return {last_row + width - 1, -width, -1};
    case 4:
      return {last_row, -width, 1};
    case 5:
      return {0, 1, width};
    case 6:
      return {last_row, 1, -width};
    case 7:
      return {last_row + width - 1, -1, -width};
    case 8:
      return {width - 1, -1, width};
    default:
      return {0, width, 1};
  }
}

}  // namespace

void check_size(ImageSize size, std::int64_t max_pixels) {
  const auto [height, width] = size;
  if (height <= 0 || width <= 0) throw DecodeFailure(fmt::format("claims a size of {}x{}", width, height));
  if (width <= max_pixels / height && height <= INT_MAX && width <= INT_MAX) return;
  throw DecodeRefusal(
      fmt::format("claims {}x{} pixels, more than the limit of {} (`max_pixels`): raise it if the file is sound, or "
                  "leave it out",
                  width, height, max_pixels));
}

ImageSize upright(ImageSize stored, int orientation) {
  if (orientation >= 5 && orientation <= 8) std::swap(stored.height, stored.width);
  return stored;
}

int exif_orientation(std::span<const std::uint8_t> exif) {
  constexpr std::uint32_t kOrientationTag = 0x0112;
  constexpr std::uint32_t kShort = 3;
  const auto prefix = "Exif\0\0"sv;
  if (ByteReader(exif, ByteOrder::kBig).has(0, prefix)) exif = exif.subspan(prefix.size());
  const ByteReader bytes(exif, ByteReader(exif, ByteOrder::kBig).has(0, "II") ? ByteOrder::kLittle : ByteOrder::kBig);
  if (bytes.u16(2) != 42) return kUpright;
  const std::size_t directory = bytes.u32(4);
  for (std::size_t i = 0; i < bytes.u16(directory); ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (bytes.u16(entry) != kOrientationTag) continue;
    const std::uint32_t value = bytes.u16(entry + 2) == kShort ? bytes.u16(entry + 8) : bytes.u32(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;
  }
  return kUpright;
}

core::Image turn_upright(core::Image image, int orientation) {
  if (orientation <= kUpright || orientation > 8) return image;
  const bool lies_on_its_side = orientation >= 5;
  core::Image upright(lies_on_its_side ? image.width : image.height, lies_on_its_side ? image.height : image.width);
  const ExifWalk walk = walk_of(orientation, image.height, image.width);
  const std::uint8_t* in = image.pixels.data();
  std::uint8_t* out = upright.pixels.data();
  for (int y = 0; y < upright.height; ++y) {
    const std::ptrdiff_t start = walk.origin + y * walk.down;
    for (int x = 0; x < upright.width; ++x) out = std::copy_n(in + 3 * (start + x * walk.right), 3, out);
  }
  return upright;
}

}  // namespace margay::data
