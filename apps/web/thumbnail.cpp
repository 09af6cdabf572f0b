#include "apps/web/thumbnail.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <string_view>

#include "margay/core/threads.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "margay/data/image/write_image.h"

namespace margay::web {
namespace {

/// "" where there is no readable image.
std::string read_thumbnail(const ThumbnailSource& source, int quality) {
  if (source.file.empty()) return "";
  try {
    const data::HeldImage held = data::hold_image(source.file, {.min_side = source.longer_side});
    return thumbnail_of(held.image, source.longer_side, quality);
  } catch (const std::exception&) {
    return "";
  }
}

}  // namespace

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? bytes[at + i] : 0U);
    for (std::size_t i = 0; i < 4; ++i) text += i <= count ? kDigits[group >> (18 - 6 * i) & 63U] : '=';
  }
  return text;
}

core::Image shrunk(const core::Image& image, int longer_side) {
  const int longer = std::max(image.height, image.width);
  if (longer <= longer_side) return image;
  const double scale = static_cast<double>(longer_side) / longer;
  const auto side = [scale](int px) { return std::max(1, static_cast<int>(std::lround(px * scale))); };
  return data::resample(image, side(image.height), side(image.width));
}

std::string thumbnail_of(const core::Image& image, int longer_side, int quality) {
  return base64(data::encode_jpeg(shrunk(image, longer_side), quality));
}

std::vector<std::string> thumbnails_of(const std::vector<ThumbnailSource>& sources, int quality) {
  std::vector<std::string> thumbnails(sources.size());
  core::for_each_index(sources.size(), [&](std::size_t i) { thumbnails[i] = read_thumbnail(sources[i], quality); });
  return thumbnails;
}

}  // namespace margay::web
