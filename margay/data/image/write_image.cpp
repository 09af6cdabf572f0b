#include "margay/data/image/write_image.h"

#include <cerrno>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <span>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <jpeglib.h>

#include "margay/chart/png.h"
#include "margay/core/error.h"

namespace margay::data {
namespace {

/// One image being encoded. libjpeg reports errors by a C function that must not return; what is used here fails only
/// where memory ends or a side is beyond 65,500 pixels.
class JpegWriter {
 public:
  JpegWriter() {
    jpeg_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = [](j_common_ptr jpeg) { std::longjmp(errors_of(jpeg).jump, 1); };
    errors_.manager.emit_message = [](j_common_ptr, int) {};
    jpeg_create_compress(&jpeg_);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
  ~JpegWriter() {
    jpeg_destroy_compress(&jpeg_);
    std::free(file_);
  }

  std::span<const std::uint8_t> write(const core::Image& image, int quality) {
    if (setjmp(errors_.jump) != 0) throw std::invalid_argument("[encode_jpeg] " + problem());
    jpeg_mem_dest(&jpeg_, &file_, &size_);
    jpeg_.image_width = static_cast<JDIMENSION>(image.width);
    jpeg_.image_height = static_cast<JDIMENSION>(image.height);
    jpeg_.input_components = 3;
    jpeg_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg_);
    jpeg_set_quality(&jpeg_, quality, TRUE);
    jpeg_start_compress(&jpeg_, TRUE);
    for (int y = 0; y < image.height; ++y) {
      JSAMPROW row = const_cast<JSAMPROW>(image.row(y));  // libjpeg only reads it
      jpeg_write_scanlines(&jpeg_, &row, 1);
    }
    jpeg_finish_compress(&jpeg_);
    return {file_, size_};
  }

 private:
  struct Errors {
    jpeg_error_mgr manager;
    std::jmp_buf jump;
  };
  static Errors& errors_of(j_common_ptr jpeg) { return *reinterpret_cast<Errors*>(jpeg->err); }

  std::string problem() {
    char text[JMSG_LENGTH_MAX] = {};
    errors_.manager.format_message(reinterpret_cast<j_common_ptr>(&jpeg_), text);
    return text;
  }

  jpeg_compress_struct jpeg_{};
  Errors errors_{};
  unsigned char* file_ = nullptr;
  unsigned long size_ = 0;
};

void check_has_pixels(const core::Image& image) {
  if (image.height <= 0 || image.width <= 0) throw std::invalid_argument("[write_image] the image has no pixels");
}

void write(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (file) return;
  const int reason = errno;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) std::filesystem::remove(path, ignored);  // half an image
  throw core::IoError(path, "cannot be written", reason);
}

}  // namespace

void write_png(const std::filesystem::path& path, const core::Image& image) {
  check_has_pixels(image);
  write(path, chart::encode_png(image));
}

std::vector<std::uint8_t> encode_jpeg(const core::Image& image, int quality) {
  if (quality < 1 || quality > 100) {
    throw std::invalid_argument(fmt::format("[encode_jpeg] quality must lie in 1 … 100, got {}", quality));
  }
  check_has_pixels(image);
  JpegWriter writer;
  const std::span<const std::uint8_t> file = writer.write(image, quality);
  return {file.begin(), file.end()};
}

void write_jpeg(const std::filesystem::path& path, const core::Image& image, int quality) {
  write(path, encode_jpeg(image, quality));
}

}  // namespace margay::data
