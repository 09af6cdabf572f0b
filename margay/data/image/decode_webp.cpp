#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "margay/data/image/byte_reader.h"
#include "margay/data/image/codec.h"
#include "margay/data/image/exif.h"

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

/// A file of its own around a frame's chunk of pixels.
std::vector<std::uint8_t> still_file(Bytes chunk) {
  std::vector<std::uint8_t> file = {'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'E', 'B', 'P'};
  const std::size_t size = 4 + chunk.size() + chunk.size() % 2;
  for (std::size_t i = 0; i < 4; ++i) file[4 + i] = static_cast<std::uint8_t>(size >> (8 * i));
  file.insert(file.end(), chunk.begin(), chunk.end());
  if (chunk.size() % 2 != 0) file.push_back(0);
  return file;
}

Image decode_still(Bytes file, std::int64_t max_pixels) {
  check_declared_size(file, ImageFormat::kWebp, max_pixels);
  return decode_with_opencv(file, ImageFormat::kWebp);
}

/// Copies what fits of `frame` to (left, top).
void paste(const Image& frame, int left, int top, Image& canvas) {
  const int width = std::min(frame.width, canvas.width - left);
  const int height = std::min(frame.height, canvas.height - top);
  for (int y = 0; y < height && width > 0; ++y) {
    std::copy_n(frame.row(y), std::ptrdiff_t{3} * width, canvas.row(top + y) + std::ptrdiff_t{3} * left);
  }
}

/// OpenCV 4.6 reads no animations, so the first frame is unpacked here. Its transparency is dropped as everywhere.
Image decode_first_frame(Bytes file, Bytes frame, std::int64_t max_pixels) {
  check_declared_size(file, ImageFormat::kWebp, max_pixels);
  const DeclaredSize size = *declared_size(file, ImageFormat::kWebp);
  Bytes pixels = find_chunk(frame, kChunkHead + kFrameHead, "VP8 ");
  if (pixels.empty()) pixels = find_chunk(frame, kChunkHead + kFrameHead, "VP8L");
  if (pixels.empty()) throw DecodeFailure("a broken WebP animation: its first frame holds no picture");
  const Image picture = decode_still(still_file(pixels), max_pixels);
  const ByteReader place(frame, ByteOrder::kLittle);
  Image canvas(static_cast<int>(size.height), static_cast<int>(size.width));
  paste(picture, static_cast<int>(2 * place.u24(kChunkHead)), static_cast<int>(2 * place.u24(kChunkHead + 3)), canvas);
  return canvas;
}

}  // namespace

Image decode_webp(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  const Bytes frame = find_chunk(bytes, kFileHead, "ANMF");
  Image image = frame.empty() ? decode_still(bytes, max_pixels) : decode_first_frame(bytes, frame, max_pixels);
  const Bytes exif = find_chunk(bytes, kFileHead, "EXIF");
  return turn_upright(std::move(image), exif_orientation(exif.subspan(std::min(kChunkHead, exif.size()))));
}

}  // namespace margay::data
