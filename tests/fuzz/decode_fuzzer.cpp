// Whatever the bytes, a decoder returns an image of the size that the header promised, or throws DataError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "margay/core/error.h"
#include "margay/data/image/codec.h"
#include "margay/data/image/read_image.h"

namespace {

using namespace margay;

constexpr data::ReadOptions kWhole = {.max_pixels = std::int64_t{1} << 20U};
constexpr data::ReadOptions kSmall = {.max_pixels = kWhole.max_pixels, .min_side = 8};

void require(bool holds) {
  if (!holds) std::abort();  // which libFuzzer reports, with the bytes
}

template <class Step>
auto attempt(Step&& step) -> std::optional<decltype(step())> {
  try {
    return step();
  } catch (const core::DataError&) {
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* first, std::size_t count) {
  const std::span<const std::uint8_t> bytes(first, count);
  const int orientation = data::exif_orientation(bytes);
  require(orientation >= 1 && orientation <= 8);
  const auto size = attempt([&] { return data::decode_size(bytes, "input"); });
  const auto image = attempt([&] { return data::decode_image(bytes, "input", kWhole); });
  if (image) {
    require(size && size->height == image->height && size->width == image->width);
    require(image->pixels.size() == std::size_t{3} * static_cast<std::size_t>(size->height * size->width));
  }
  if (data::sniff_format(bytes) != data::ImageFormat::kJpeg) return 0;
  const auto small = attempt([&] { return data::decode_image(bytes, "input", kSmall); });
  require(image.has_value() == small.has_value());
  require(!small || (small->height <= image->height && small->width <= image->width));
  return 0;
}
