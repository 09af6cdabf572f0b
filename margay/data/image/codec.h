#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "margay/data/image/image.h"
#include "margay/data/image/image_format.h"

/// Each outside library has one file of its own behind these functions. Pictures are upright RGB.
namespace margay::data {

/// What a decoder says of a picture it cannot read: the problem alone. decode_image() adds the path and
/// the remedy.
class DecodeFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws DecodeFailure when the header gives no size, or claims more than `max_pixels`. For the formats
/// that declared_size() knows.
void check_declared_size(std::span<const std::uint8_t> bytes, ImageFormat format, std::int64_t max_pixels);

/// Throws DecodeFailure when a picture claims no pixels, or more than `max_pixels`.
void check_size(std::int64_t height, std::int64_t width, std::int64_t max_pixels);

/// Baseline, progressive and arithmetic-coded; grey, YCbCr, RGB, CMYK and YCCK. The numbers are Pillow's.
Image decode_jpeg(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
/// 1 to 16 bits, grey, palette, colour; an animation's default picture.
Image decode_png(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
/// The first frame on its screen.
Image decode_gif(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
/// A still picture, or the first frame of an animation on its black canvas.
Image decode_webp(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
/// BMP, TIFF, PNM and still WebP whose declared size has been checked. A WebP's EXIF orientation is left to the caller.
Image decode_with_opencv(std::span<const std::uint8_t> bytes, ImageFormat format);

/// The file that cv::imwrite would write. options: pairs of cv::ImwriteFlags and values.
std::vector<std::uint8_t> encode_with_opencv(const Image& image, const std::string& extension,
                                             const std::vector<int>& options);

}  // namespace margay::data
