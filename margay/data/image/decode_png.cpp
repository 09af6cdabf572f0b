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

namespace margay::data {
namespace {

/// One image being decoded. As in decode_jpeg.cpp, run() turns the library's longjmp into an exception.
class PngReader {
 public:
  explicit PngReader(std::span<const std::uint8_t> bytes);
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  void read_header(std::int64_t max_pixels);
  core::Image read_pixels(int deep_bits);

 private:
  template <class Step>
  void run(Step&& step);
  [[noreturn]] void fail(const char* problem);
  void ask_for_rgb(int deep_bits);
  void read_rows(std::uint8_t* pixels, std::size_t row_bytes);
  void put_row(std::uint8_t* row, std::uint8_t* out) const;
  static void read(png_structp png, png_bytep to, std::size_t count);

  std::span<const std::uint8_t> left_;
  int deep_bits_ = 16;
  int passes_ = 1;
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
  // Texts and profiles say nothing of the pixels, and unpacked they may be a thousand times as long: none is read.
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
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
  check_size({png_get_image_height(png_, info_), png_get_image_width(png_, info_)}, max_pixels);
}

/// 16 bits keep their high byte, unless fewer of them hold data. Pillow does so for colour, but clips 16-bit grey at
/// 255, which leaves almost white images; we take the high byte there too.
void PngReader::ask_for_rgb(int deep_bits) {
  deep_bits_ = deep_bits;
  png_set_expand(png_);
  if (deep_bits == 16) png_set_strip_16(png_);
  png_set_gray_to_rgb(png_);
  passes_ = png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
}

void PngReader::read_rows(std::uint8_t* pixels, std::size_t row_bytes) {
  std::vector<png_bytep> rows(png_get_image_height(png_, info_));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = pixels + y * row_bytes;
  run([&] {
    png_read_image(png_, rows.data());
    png_read_end(png_, nullptr);
  });
}

/// One row as libpng gives it, which is overwritten: 3 or 4 channels of 8 or 16 bits, the most significant byte first.
void PngReader::put_row(std::uint8_t* row, std::uint8_t* out) const {
  const auto width = static_cast<std::size_t>(png_get_image_width(png_, info_));
  const auto channels = static_cast<std::size_t>(png_get_channels(png_, info_));
  if (png_get_bit_depth(png_, info_) == 16) {
    for (std::size_t i = 0; i < channels * width; ++i) {
      const bool is_alpha = i % channels == 3;
      row[i] = is_alpha ? row[2 * i] : deep_level(256U * row[2 * i] + row[2 * i + 1], deep_bits_);
    }
  }
  if (channels == 4) return lay_over_white(row, width, out);
  std::copy_n(row, 3 * width, out);
}

/// Only an interlaced image is needed whole in libpng's form.
core::Image PngReader::read_pixels(int deep_bits) {
  run([&] {
    ask_for_rgb(deep_bits);
    const int channels = png_get_channels(png_, info_);
    const int bits = png_get_bit_depth(png_, info_);
    if ((channels != 3 && channels != 4) || (bits != 8 && bits != 16)) fail("an unknown kind of pixel");
  });
  core::Image image(static_cast<int>(png_get_image_height(png_, info_)),
                    static_cast<int>(png_get_image_width(png_, info_)));
  const std::size_t row_bytes = png_get_rowbytes(png_, info_);
  if (row_bytes == std::size_t{3} * static_cast<std::size_t>(image.width)) {
    read_rows(image.pixels.data(), row_bytes);
    return image;
  }
  const bool is_interlaced = passes_ > 1;
  std::vector<std::uint8_t> rows((is_interlaced ? static_cast<std::size_t>(image.height) : 1) * row_bytes);
  if (is_interlaced) read_rows(rows.data(), row_bytes);
  run([&] {
    for (int y = 0; y < image.height; ++y) {
      std::uint8_t* row = rows.data() + (is_interlaced ? static_cast<std::size_t>(y) * row_bytes : 0);
      if (!is_interlaced) png_read_row(png_, row, nullptr);
      put_row(row, image.row(y));
    }
    if (!is_interlaced) png_read_end(png_, nullptr);
  });
  return image;
}

/// From the eXIf chunk, wherever it stands: libpng has not kept it.
int png_orientation(std::span<const std::uint8_t> file) {
  constexpr std::size_t kSignature = 8;
  constexpr std::size_t kChunkHead = 8;  // length, name
  constexpr std::size_t kChecksum = 4;
  const ByteReader bytes(file, ByteOrder::kBig);
  for (std::size_t at = kSignature; at + kChunkHead <= file.size();) {
    const std::size_t length = bytes.u32(at);
    if (bytes.has(at + 4, "eXIf")) return exif_orientation(bytes.part(at + kChunkHead, length));
    at += kChunkHead + length + kChecksum;
  }
  return 1;
}

}  // namespace

core::Image decode_png(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  PngReader reader(bytes);
  reader.read_header(options.max_pixels);
  core::Image image = reader.read_pixels(options.deep_bits);
  return turn_upright(std::move(image), png_orientation(bytes));
}

ImageSize png_size(std::span<const std::uint8_t> bytes) {
  const ByteReader reader(bytes, ByteOrder::kBig);
  if (!reader.has(12, "IHDR")) throw DecodeFailure("broken PNG: it does not begin with its header");
  return upright({reader.u32(20), reader.u32(16)}, png_orientation(bytes));
}

int png_sample_bits(std::span<const std::uint8_t> bytes) {
  return static_cast<int>(ByteReader(bytes, ByteOrder::kBig).u8(24));
}

}  // namespace margay::data
