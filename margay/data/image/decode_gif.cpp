#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

/// The first frame of a file in memory.
class GifReader {
 public:
  explicit GifReader(std::span<const std::uint8_t> bytes) : left_(bytes) {
    int error = 0;
    gif_.reset(DGifOpen(this, read, &error));
    if (gif_ == nullptr) fail(error);
  }

  /// To be called once: the screen, which as in Pillow grows to hold the first frame.
  ImageSize read_size();
  core::Image read_first_frame(std::int64_t max_pixels);

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
  std::vector<int> row_order() const;
  void paint_line(const std::vector<GifByteType>& line, std::uint8_t* out) const;

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
  const bool is_cut = error == D_GIF_ERR_READ_FAILED || error == D_GIF_ERR_EOF_TOO_SOON || error == 0;
  if (is_cut) throw DecodeFailure("truncated GIF: it ends before its first frame does");
  const char* text = GifErrorString(error);
  throw DecodeFailure(fmt::format("broken GIF: {}", text == nullptr ? "giflib gives no reason" : text));
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

/// Indices to RGB; the transparent one is white. Without a palette an index is a grey level; an index outside the
/// palette is black.
void GifReader::paint_line(const std::vector<GifByteType>& line, std::uint8_t* out) const {
  const ColorMapObject* map = gif_->Image.ColorMap != nullptr ? gif_->Image.ColorMap : gif_->SColorMap;
  for (const GifByteType index : line) {
    GifColorType rgb = {index, index, index};
    if (map != nullptr) rgb = index < map->ColorCount ? map->Colors[index] : GifColorType{0, 0, 0};
    if (index == transparent_) rgb = {255, 255, 255};
    *out++ = rgb.Red;
    *out++ = rgb.Green;
    *out++ = rgb.Blue;
  }
}

/// The frame's rows in the order of the file.
std::vector<int> GifReader::row_order() const {
  struct Pass {
    int first;
    int step;
  };
  constexpr std::array<Pass, 4> kInterlaced = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  constexpr std::array<Pass, 1> kPlain = {{{0, 1}}};
  const bool is_interlaced = gif_->Image.Interlace;
  const auto passes = is_interlaced ? std::span<const Pass>(kInterlaced) : std::span<const Pass>(kPlain);
  std::vector<int> rows;
  for (const Pass pass : passes) {
    for (int y = pass.first; y < gif_->Image.Height; y += pass.step) rows.push_back(y);
  }
  return rows;
}

ImageSize GifReader::read_size() {
  find_first_frame();
  const GifImageDesc& frame = gif_->Image;
  return {std::max(gif_->SHeight, frame.Top + frame.Height), std::max(gif_->SWidth, frame.Left + frame.Width)};
}

/// What the frame leaves free of the screen is transparent, or else, as in Pillow, of the palette's first colour.
core::Image GifReader::read_first_frame(std::int64_t max_pixels) {
  const ImageSize size = read_size();
  check_size(size, max_pixels);
  const GifImageDesc& frame = gif_->Image;
  core::Image image(static_cast<int>(size.height), static_cast<int>(size.width));
  std::vector<GifByteType> line(static_cast<std::size_t>(size.width),
                                static_cast<GifByteType>(std::max(transparent_, 0)));
  for (int y = 0; y < image.height; ++y) paint_line(line, image.row(y));
  line.resize(static_cast<std::size_t>(frame.Width));
  for (const int y : row_order()) {
    check(DGifGetLine(gif_.get(), line.data(), frame.Width));
    paint_line(line, image.row(frame.Top + y) + std::ptrdiff_t{3} * frame.Left);
  }
  return image;
}

}  // namespace

core::Image decode_gif(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  return GifReader(bytes).read_first_frame(max_pixels);
}

ImageSize gif_size(std::span<const std::uint8_t> bytes) { return GifReader(bytes).read_size(); }

}  // namespace margay::data
