#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <png.h>

#include "tests/support/image_samples.h"

namespace margay::testing_support {

/// Samples of 16 bits, [H,W,channels].
struct DeepSamples {
  int height;
  int width;
  int channels;
  std::vector<std::uint16_t> values;
};

/// Numbers that grow evenly from 0 to `most`, row by row.
inline DeepSamples deep_ramp(int height, int width, int channels, std::uint32_t most) {
  DeepSamples samples{height, width, channels, {}};
  const auto count = static_cast<std::uint32_t>(height * width);
  for (std::uint32_t i = 0; i < count; ++i) {
    for (int c = 0; c < channels; ++c) samples.values.push_back(static_cast<std::uint16_t>(most * i / (count - 1)));
  }
  return samples;
}

/// A PNG of grey, grey with alpha, RGB or RGBA, by the number of channels.
inline FileBytes deep_png(const DeepSamples& samples, bool is_interlaced = false) {
  constexpr std::array kTypes = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGB_ALPHA};
  FileBytes file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  const auto write = [](png_structp to, png_bytep bytes, std::size_t count) {
    static_cast<FileBytes*>(png_get_io_ptr(to))
        ->insert(static_cast<FileBytes*>(png_get_io_ptr(to))->end(), bytes, bytes + count);
  };
  png_set_write_fn(png, &file, write, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(samples.width), static_cast<png_uint_32>(samples.height), 16,
               kTypes.at(static_cast<std::size_t>(samples.channels - 1)),
               is_interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
               PNG_FILTER_TYPE_BASE);
  FileBytes bytes;
  for (const std::uint16_t value : samples.values) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8));
    bytes.push_back(static_cast<std::uint8_t>(value));
  }
  std::vector<png_bytep> rows;
  for (int y = 0; y < samples.height; ++y) {
    rows.push_back(bytes.data() + std::size_t{2} * static_cast<std::size_t>(y * samples.width * samples.channels));
  }
  png_set_rows(png, info, rows.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return file;
}

struct TiffKind {
  int photometric = 1;        ///< 0: white is 0, 1: black is 0, 2: RGB
  std::uint32_t subfile = 0;  ///< NewSubfileType; 1 a reduced image
  bool has_subdirectory = false;
  bool is_dng = false;
};

/// A little-endian TIFF of one strip.
inline FileBytes deep_tiff(const DeepSamples& samples, const TiffKind& kind = {}) {
  struct Tag {
    std::uint16_t number;
    std::uint16_t type;
    std::uint32_t count;
    std::uint32_t value;
  };
  constexpr std::uint16_t kByte = 1;
  constexpr std::uint16_t kShort = 3;
  constexpr std::uint16_t kLong = 4;
  const auto channels = static_cast<std::uint32_t>(samples.channels);
  const auto pixel_bytes = static_cast<std::uint32_t>(2 * samples.values.size());
  constexpr std::uint32_t kHeader = 8;
  const std::uint32_t bits_at = kHeader + pixel_bytes;
  std::vector<Tag> tags = {{254, kLong, 1, kind.subfile},
                           {256, kLong, 1, static_cast<std::uint32_t>(samples.width)},
                           {257, kLong, 1, static_cast<std::uint32_t>(samples.height)},
                           {258, kShort, channels, channels == 1 ? 16 : bits_at},
                           {259, kShort, 1, 1},
                           {262, kShort, 1, static_cast<std::uint32_t>(kind.photometric)},
                           {273, kLong, 1, kHeader},
                           {277, kShort, 1, channels},
                           {278, kLong, 1, static_cast<std::uint32_t>(samples.height)},
                           {279, kLong, 1, pixel_bytes}};
  if (channels == 4) tags.push_back({338, kShort, 1, 2});  // straight alpha
  if (kind.has_subdirectory) tags.push_back({330, kLong, 1, kHeader});
  if (kind.is_dng) tags.push_back({50706, kByte, 4, 0x00000401});
  std::sort(tags.begin(), tags.end(), [](const Tag& a, const Tag& b) { return a.number < b.number; });
  FileBytes file;
  append(file, "II*");
  append(file, 0, 1);
  append(file, bits_at + 2 * channels, 4);
  for (const std::uint16_t value : samples.values) append(file, value, 2);
  for (std::uint32_t c = 0; c < channels; ++c) append(file, 16, 2);
  append(file, tags.size(), 2);
  for (const Tag& tag : tags) {
    append(file, tag.number, 2);
    append(file, tag.type, 2);
    append(file, tag.count, 4);
    append(file, tag.value, 4);
  }
  append(file, 0, 4);
  return file;
}

/// A binary PNM, grey or RGB. most: what its header claims.
inline FileBytes deep_pnm(const DeepSamples& samples, int most) {
  FileBytes file;
  append(file, fmt::format("P{} {} {} {}\n", samples.channels == 1 ? 5 : 6, samples.width, samples.height, most));
  for (const std::uint16_t value : samples.values) {
    file.push_back(static_cast<std::uint8_t>(value >> 8));
    file.push_back(static_cast<std::uint8_t>(value));
  }
  return file;
}

}  // namespace margay::testing_support
