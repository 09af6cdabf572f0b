#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "margay/core/image.h"
#include "margay/data/image/image_format.h"
#include "margay/data/image/read_options.h"

/// Each format has one file of its own behind these functions, and each outside library is seen by one file only.
/// Images are upright RGB, transparency laid over white. A decoder checks its header against `max_pixels` before it
/// allocates for the pixels, and throws DecodeFailure for what it cannot read whole.
namespace margay::data {

/// What a decoder says of an image it cannot read: the problem alone. decode_image() adds the path and
/// the remedy.
class DecodeFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws DecodeFailure when an image claims no pixels, or more than `max_pixels`.
void check_size(ImageSize size, std::int64_t max_pixels);

/// The size once turned upright from an EXIF orientation (1 … 8).
ImageSize upright(ImageSize stored, int orientation);

/// Baseline, progressive and arithmetic-coded; grey, YCbCr, RGB, CMYK and YCCK. The numbers are Pillow's; smaller than
/// the file says only where `min_side` allows it.
core::Image decode_jpeg(std::span<const std::uint8_t> bytes, const ReadOptions& options);
ImageSize jpeg_size(std::span<const std::uint8_t> bytes);

/// 1 to 16 bits, grey, palette, colour; an animation's default image.
core::Image decode_png(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
ImageSize png_size(std::span<const std::uint8_t> bytes);

/// The first frame on its screen.
core::Image decode_gif(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
ImageSize gif_size(std::span<const std::uint8_t> bytes);

/// A still image, or the first frame of an animation on its canvas.
core::Image decode_webp(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
ImageSize webp_size(std::span<const std::uint8_t> bytes);

/// The first page: 1, 2, 4, 8 or 16 bits, grey, palette, RGB, CMYK, YCbCr and Lab in strips or tiles.
core::Image decode_tiff(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
ImageSize tiff_size(std::span<const std::uint8_t> bytes);

/// Windows and OS/2 headers; 1 to 32 bits, RLE, bit fields.
core::Image decode_bmp(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
ImageSize bmp_size(std::span<const std::uint8_t> bytes);

/// P1 … P6, up to 16 bits.
core::Image decode_pnm(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
ImageSize pnm_size(std::span<const std::uint8_t> bytes);

/// The file that cv::imwrite would write. options: pairs of cv::ImwriteFlags and values.
std::vector<std::uint8_t> encode_with_opencv(const core::Image& image, const std::string& extension,
                                             const std::vector<int>& options);

}  // namespace margay::data
