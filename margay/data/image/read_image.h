#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <vector>

#include "margay/core/descriptor.h"
#include "margay/core/image.h"
#include "margay/data/image/decode_room.h"
#include "margay/data/image/image_format.h"

namespace margay::data {

struct ReadOptions {
  /// The largest number of pixels an image may have, checked in the header before large memory is allocated. The
  /// default is Pillow's limit.
  std::int64_t max_pixels = 178'956'970;
  /// 0: every pixel. Otherwise the image may come out at 1/2, 1/4 or 1/8 of its size, which is several times as fast,
  /// where its shorter side then still is at least 1.5 to 2 times this. Resampled to this many pixels it differs from
  /// the whole image by less than 2 of 255 on average over photos (numbers: decode_jpeg.cpp). Only JPEG can; images
  /// of other formats stay whole.
  int min_side = 0;
  /// How many of the 16 bits of a deep image's samples hold data, 8 … 16. Cameras and microscopes of 12 bits write
  /// numbers up to 4095 of 65535: nearly black unless this is 12. Of PNG, TIFF, and PNM that claims more; other images
  /// and those of 8 bits stay as they are.
  int deep_bits = 16;
};

/// A regular file of at most 4 GiB, open for reading. Anything else is refused: a loader thread would wait forever for
/// a pipe or a device, and a sparse file of a terabyte would exhaust the memory. Throws core::DataError.
class ImageFile {
 public:
  explicit ImageFile(const std::filesystem::path& path);

  std::size_t size() const { return size_; }
  /// The first `most` bytes; all of them where there are no more.
  std::vector<std::uint8_t> read(std::size_t most = std::numeric_limits<std::size_t>::max()) const;

 private:
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path path_;
  core::Descriptor descriptor_;
  std::size_t size_ = 0;
};

/// A decoded image and its share of the memory for large ones, which is free again when this goes.
struct HeldImage {
  DecodeRoom room;
  core::Image image;
};

/// Reads a JPEG, PNG, GIF (first frame), BMP, TIFF (first page), WebP, HEIC, AVIF or PNM as an upright RGB image. The
/// format is taken from the bytes, not from the name. Transparency is blended over white, 16 bits become 8, and colour
/// profiles are ignored. Throws core::DataError, naming the path, for anything else: a missing, empty, truncated or
/// oversized file. Throws std::invalid_argument for a limit below 1 or a negative min_side. Safe to call from many
/// threads.
core::Image read_image(const std::filesystem::path& path, const ReadOptions& options = {});

/// The same for an image that is still needed whole while the next one is read, as by several threads that resize. It
/// waits for other large images as DecodeRoom says, and so must not be called by a thread that holds one.
HeldImage hold_image(const std::filesystem::path& path, const ReadOptions& options = {});

/// The room for decoding a file, or one in memory, judged by its header. Waits as DecodeRoom.
DecodeRoom room_for(const ImageFile& file, const ReadOptions& options);
DecodeRoom room_for(std::span<const std::uint8_t> bytes, const ReadOptions& options);

/// The same for a file already in memory; `name` is used in messages only. It waits for no other image.
core::Image decode_image(std::span<const std::uint8_t> bytes, const std::filesystem::path& name,
                         const ReadOptions& options = {});

/// The size of the upright image that read_image would return, from the header alone. Nothing is decoded, so the file
/// may still turn out to be broken. Throws core::DataError where not even the header can be read. There is no limit on
/// the size.
ImageSize read_size(const std::filesystem::path& path);

/// The same for a file already in memory; `name` is used in messages only.
ImageSize decode_size(std::span<const std::uint8_t> bytes, const std::filesystem::path& name);

/// The bits of a sample as the header tells them for PNG, TIFF and PNM, 8 for other formats, 0 for a file that is not
/// understood.
int sample_bits(std::span<const std::uint8_t> bytes);

}  // namespace margay::data
