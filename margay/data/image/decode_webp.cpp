#include <webp/decode.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kFileHead = 12;   // "RIFF", size, "WEBP"
constexpr std::size_t kChunkHead = 8;   // name, size
constexpr std::size_t kFrameHead = 16;  // place, size, duration, flags

/// The first chunk of that name, head and all, among the chunks from byte `at` on; empty when there is none.
Bytes find_chunk(Bytes bytes, std::size_t at, std::string_view name) {
  const ByteReader reader(bytes, ByteOrder::kLittle);
  while (at + kChunkHead <= bytes.size()) {
    const std::size_t size = kChunkHead + reader.u32(at + 4);
    if (reader.has(at, name)) return reader.part(at, size);
    at += size + size % 2;  // chunks start at even offsets
  }
  return {};
}

WebPBitstreamFeatures features_of(Bytes file) {
  WebPBitstreamFeatures features{};
  const VP8StatusCode status = WebPGetFeatures(file.data(), file.size(), &features);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) throw DecodeFailure("truncated WebP: the file ends within its header");
  if (status != VP8_STATUS_OK) throw DecodeFailure("broken WebP: its header makes no sense");
  return features;
}

/// A file of its own around the chunks of a frame: the transparency, if any, and the pixels. libwebp takes them with
/// an extended header alone.
std::vector<std::uint8_t> still_file(Bytes frame) {
  constexpr std::uint8_t kHasAlpha = 0x10;
  const Bytes place = frame.subspan(std::min(kChunkHead, frame.size()));
  const Bytes chunks = frame.subspan(std::min(kChunkHead + kFrameHead, frame.size()));
  std::vector<std::uint8_t> file = {'R', 'I', 'F', 'F', 0,  0, 0, 0, 'W',       'E', 'B', 'P',
                                    'V', 'P', '8', 'X', 10, 0, 0, 0, kHasAlpha, 0,   0,   0};
  for (std::size_t i = 6; i < 12; ++i) file.push_back(i < place.size() ? place[i] : 0);  // width - 1, height - 1
  file.insert(file.end(), chunks.begin(), chunks.end());
  const std::size_t size = file.size() - kChunkHead;
  for (std::size_t i = 0; i < 4; ++i) file[4 + i] = static_cast<std::uint8_t>(size >> (8 * i));
  return file;
}

/// Into uint8 [H,W,3] (MODE_RGB) or straight RGBA, uint8 [H,W,4].
void decode_into(Bytes file, WEBP_CSP_MODE mode, int width, std::span<std::uint8_t> pixels) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) throw DecodeFailure("libwebp is of another version than its header");
  config.output.colorspace = mode;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {pixels.data(), (mode == MODE_RGB ? 3 : 4) * width, pixels.size()};
  const VP8StatusCode status = WebPDecode(file.data(), file.size(), &config);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED) {
    throw DecodeFailure("truncated WebP: the file ends before its pixels do");
  }
  if (status != VP8_STATUS_OK) throw DecodeFailure("broken WebP: its pixels cannot be decoded");
}

core::Image decode_still(Bytes file, std::int64_t max_pixels) {
  const WebPBitstreamFeatures features = features_of(file);
  const ImageSize size = {features.height, features.width};
  check_size(size, max_pixels);
  core::Image image(features.height, features.width);
  if (features.has_alpha == 0) {
    decode_into(file, MODE_RGB, image.width, image.pixels);
    return image;
  }
  std::vector<std::uint8_t> rgba(image.pixels.size() / 3 * 4);
  decode_into(file, MODE_RGBA, image.width, rgba);
  lay_over_white(rgba.data(), rgba.size() / 4, image.pixels.data());
  return image;
}

/// Copies what fits of `frame` to (left, top).
void paste_frame(const core::Image& frame, int left, int top, core::Image& canvas) {
  const int width = std::min(frame.width, canvas.width - left);
  const int height = std::min(frame.height, canvas.height - top);
  for (int y = 0; y < height && width > 0; ++y) {
    std::copy_n(frame.row(y), std::ptrdiff_t{3} * width, canvas.row(top + y) + std::ptrdiff_t{3} * left);
  }
}

/// The canvas is transparent where the first frame does not reach, so it is white.
core::Image decode_first_frame(const WebPBitstreamFeatures& screen, Bytes frame, std::int64_t max_pixels) {
  const ByteReader place(frame, ByteOrder::kLittle);
  check_size({place.u24(kChunkHead + 9) + std::int64_t{1}, place.u24(kChunkHead + 6) + std::int64_t{1}}, max_pixels);
  const core::Image image = decode_still(still_file(frame), max_pixels);
  core::Image canvas(screen.height, screen.width);
  std::fill(canvas.pixels.begin(), canvas.pixels.end(), std::uint8_t{255});
  paste_frame(image, static_cast<int>(2 * place.u24(kChunkHead)), static_cast<int>(2 * place.u24(kChunkHead + 3)),
              canvas);
  return canvas;
}

/// A cut that loses only what stands behind the pixels may lose the orientation.
void check_complete(Bytes file) {
  const std::size_t wanted = kChunkHead + ByteReader(file, ByteOrder::kLittle).u32(4);
  if (file.size() >= wanted) return;
  throw DecodeFailure(fmt::format("truncated WebP: {} of {} bytes", file.size(), wanted));
}

int orientation_of(Bytes file) {
  const Bytes exif = find_chunk(file, kFileHead, "EXIF");
  return exif_orientation(exif.subspan(std::min(kChunkHead, exif.size())));
}

}  // namespace

core::Image decode_webp(Bytes bytes, std::int64_t max_pixels) {
  const WebPBitstreamFeatures features = features_of(bytes);
  check_size({features.height, features.width}, max_pixels);
  check_complete(bytes);
  const Bytes frame = features.has_animation != 0 ? find_chunk(bytes, kFileHead, "ANMF") : Bytes();
  if (features.has_animation != 0 && frame.empty()) throw DecodeFailure("truncated WebP: an animation without a frame");
  core::Image image = frame.empty() ? decode_still(bytes, max_pixels) : decode_first_frame(features, frame, max_pixels);
  return turn_upright(std::move(image), orientation_of(bytes));
}

ImageSize webp_size(Bytes bytes) {
  const WebPBitstreamFeatures features = features_of(bytes);
  return upright({features.height, features.width}, orientation_of(bytes));
}

}  // namespace margay::data
