#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

/// OpenCV reads GIF only where it was built with GDAL, and then through a temporary file; giflib reads
/// the first frame from memory.
class GifReader {
 public:
  explicit GifReader(std::span<const std::uint8_t> bytes) : left_(bytes) {
    int error = 0;
    gif_.reset(DGifOpen(this, read, &error));
    if (gif_ == nullptr) fail(error);
  }

  Image read_first_frame(std::int64_t max_pixels);

 private:
  struct Close {
    void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
  };

  static int read(GifFileType* gif, GifByteType* to, int count);
  [[noreturn]] static void fail(int error);
  void check(int result) const {
    if (result == GIF_ERROR) fail(gif_->Error);
  }
  void find_first_frame();
  void read_extension();
  GifColorType colour(const ColorMapObject* map, int index) const;
  void paint_line(Image& image, int y, const std::vector<GifByteType>& line) const;

  std::span<const std::uint8_t> left_;
  std::unique_ptr<GifFileType, Close> gif_;
  int transparent_ = NO_TRANSPARENT_COLOR;
};

int GifReader::read(GifFileType* gif, GifByteType* to, int count) {
  auto& left = static_cast<GifReader*>(gif->UserData)->left_;
  const std::size_t step = std::min(static_cast<std::size_t>(std::max(count, 0)), left.size());
  std::copy_n(left.begin(), step, to);
  left = left.subspan(step);
  return static_cast<int>(step);
}

void GifReader::fail(int error) {
  const char* text = GifErrorString(error);
  throw DecodeFailure(fmt::format("broken or truncated GIF: {}", text == nullptr ? "no frame in it" : text));
}

void GifReader::find_first_frame() {
  for (GifRecordType record = UNDEFINED_RECORD_TYPE; record != IMAGE_DESC_RECORD_TYPE;) {
    check(DGifGetRecordType(gif_.get(), &record));
    if (record == EXTENSION_RECORD_TYPE) read_extension();
    if (record == TERMINATE_RECORD_TYPE) fail(0);
  }
  check(DGifGetImageHeader(gif_.get()));
}

void GifReader::read_extension() {
  int code = 0;
  GifByteType* block = nullptr;
  check(DGifGetExtension(gif_.get(), &code, &block));
  while (block != nullptr) {
    GraphicsControlBlock control{};
    const bool is_control = code == GRAPHICS_EXT_FUNC_CODE;  // block[0] is the length
    if (is_control && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
      transparent_ = control.TransparentColor;
    }
    check(DGifGetExtensionNext(gif_.get(), &block));
  }
}

/// Without a palette an index is a grey level; an index outside the palette is black.
GifColorType GifReader::colour(const ColorMapObject* map, int index) const {
  const auto level = static_cast<GifByteType>(index);
  if (map == nullptr) return {level, level, level};
  return index < map->ColorCount ? map->Colors[index] : GifColorType{0, 0, 0};
}

void GifReader::paint_line(Image& image, int y, const std::vector<GifByteType>& line) const {
  const ColorMapObject* map = gif_->Image.ColorMap != nullptr ? gif_->Image.ColorMap : gif_->SColorMap;
  std::uint8_t* out = image.row(y) + std::ptrdiff_t{3} * gif_->Image.Left;
  for (const GifByteType index : line) {
    const GifColorType rgb = colour(map, index);
    *out++ = rgb.Red;
    *out++ = rgb.Green;
    *out++ = rgb.Blue;
  }
}

/// As in Pillow, the screen grows to hold the frame, and what the frame leaves free is the transparent
/// colour, or else the palette's first.
Image GifReader::read_first_frame(std::int64_t max_pixels) {
  find_first_frame();
  const GifImageDesc& frame = gif_->Image;
  const int height = std::max(gif_->SHeight, frame.Top + frame.Height);
  const int width = std::max(gif_->SWidth, frame.Left + frame.Width);
  check_size(height, width, max_pixels);
  Image image(height, width);
  const GifColorType rest =
      colour(frame.ColorMap != nullptr ? frame.ColorMap : gif_->SColorMap, std::max(transparent_, 0));
  const std::array<std::uint8_t, 3> rgb = {rest.Red, rest.Green, rest.Blue};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = rgb[i % 3];

  struct Pass {
    int first;
    int step;
  };
  constexpr std::array<Pass, 4> kInterlaced = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  constexpr std::array<Pass, 1> kPlain = {{{0, 1}}};
  const std::span<const Pass> passes =
      frame.Interlace ? std::span<const Pass>(kInterlaced) : std::span<const Pass>(kPlain);
  std::vector<GifByteType> line(static_cast<std::size_t>(frame.Width));
  for (const Pass pass : passes) {
    for (int y = pass.first; y < frame.Height; y += pass.step) {
      check(DGifGetLine(gif_.get(), line.data(), frame.Width));
      paint_line(image, frame.Top + y, line);
    }
  }
  return image;
}

}  // namespace

Image decode_gif(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  return GifReader(bytes).read_first_frame(max_pixels);
}

}  // namespace margay::data
