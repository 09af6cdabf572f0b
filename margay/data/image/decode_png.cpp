#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/data/image/codec.h"
#include "margay/data/image/exif.h"

namespace margay::data {
namespace {

/// One picture being decoded. As in decode_jpeg.cpp, run() turns the library's longjmp into an exception.
/// OpenCV would read PNG too, but prints libpng's complaints to the terminal.
class PngReader {
 public:
  explicit PngReader(std::span<const std::uint8_t> bytes);
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  void read_header(std::int64_t max_pixels);
  Image read_pixels();
  /// Valid after read_pixels(): the block may stand behind the pixels.
  int orientation() const;

 private:
  template <class Step>
  void run(Step&& step);
  [[noreturn]] void fail(const char* problem);
  void ask_for_rgb();
  static void read(png_structp png, png_bytep to, std::size_t count);

  std::span<const std::uint8_t> left_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf jump_{};
  std::array<char, 200> problem_{};
};

PngReader::PngReader(std::span<const std::uint8_t> bytes) : left_(bytes) {
  png_ = png_create_read_struct(
      PNG_LIBPNG_VER_STRING, this,
      [](png_structp png, png_const_charp problem) { static_cast<PngReader*>(png_get_error_ptr(png))->fail(problem); },
      [](png_structp, png_const_charp) {});
  if (png_ == nullptr) throw std::bad_alloc();
  info_ = png_create_info_struct(png_);
  if (info_ == nullptr) throw std::bad_alloc();
  png_set_read_fn(png_, this, read);
}

template <class Step>
void PngReader::run(Step&& step) {
  if (setjmp(jump_) != 0) throw DecodeFailure(fmt::format("broken PNG: {}", problem_.data()));
  step();
}

void PngReader::fail(const char* problem) {
  std::strncpy(problem_.data(), problem, problem_.size() - 1);
  std::longjmp(jump_, 1);
}

void PngReader::read(png_structp png, png_bytep to, std::size_t count) {
  auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader.left_.size()) reader.fail("truncated, the file ends early");
  std::memcpy(to, reader.left_.data(), count);
  reader.left_ = reader.left_.subspan(count);
}

void PngReader::read_header(std::int64_t max_pixels) {
  run([&] { png_read_info(png_, info_); });
  check_size(png_get_image_height(png_, info_), png_get_image_width(png_, info_), max_pixels);
}

/// 16 bits keep their high byte. Pillow does so for colour, but clips 16-bit grey at 255, which leaves
/// almost white pictures; we take the high byte there too. Transparency is dropped, not blended: fastai
/// trains on convert("RGB"), and the golden pictures hold the colours under the alpha.
void PngReader::ask_for_rgb() {
  png_set_expand(png_);
  png_set_strip_16(png_);
  png_set_gray_to_rgb(png_);
  png_set_strip_alpha(png_);
  png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
}

Image PngReader::read_pixels() {
  run([&] {
    ask_for_rgb();
    if (png_get_channels(png_, info_) != 3 || png_get_bit_depth(png_, info_) != 8) fail("an unknown kind of pixel");
  });
  Image image(static_cast<int>(png_get_image_height(png_, info_)), static_cast<int>(png_get_image_width(png_, info_)));
  std::vector<png_bytep> rows(static_cast<std::size_t>(image.height));
  for (int y = 0; y < image.height; ++y) rows[static_cast<std::size_t>(y)] = image.row(y);
  run([&] {
    png_read_image(png_, rows.data());
    png_read_end(png_, info_);
  });
  return image;
}

int PngReader::orientation() const {
  png_uint_32 count = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(png_, info_, &count, &exif) == 0) return 1;
  return exif_orientation({exif, count});
}

}  // namespace

Image decode_png(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  PngReader reader(bytes);
  reader.read_header(max_pixels);
  Image image = reader.read_pixels();
  return turn_upright(std::move(image), reader.orientation());
}

}  // namespace margay::data
