#include "margay/data/check/deep_images.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/data/image/read_image.h"

namespace margay::data {
namespace {

constexpr int kAllBits = 16;
constexpr int kMeasuredBits = 15;  ///< at which a sample's byte shows each power of two up to 2^14

/// 0 where the header cannot be read.
int bits_of_samples(const ImageSource& image) {
  constexpr std::size_t kHead = 4096;
  try {
    if (!image.is_file()) return sample_bits(*image.bytes());
    const ImageFile file(image.name());
    const int bits = sample_bits(file.read(kHead));
    return bits > 0 ? bits : sample_bits(file.read());  // a TIFF may tell at its end
  } catch (const core::DataError&) {
    return 0;
  }
}

/// image: read with kMeasuredBits.
int bits_in_use(const core::Image& image) {
  std::array<std::size_t, 256> counts{};
  for (const std::uint8_t level : image.pixels) ++counts[level];
  std::size_t above = image.pixels.size();
  int level = 0;
  for (int bits = 8; bits < kMeasuredBits; ++bits) {
    for (; level < 1 << (bits - kMeasuredBits + 8); ++level) above -= counts[static_cast<std::size_t>(level)];
    if (1000 * above <= image.pixels.size()) return bits;
  }
  return kAllBits;
}

/// The most that one of a few of the images uses.
int bits_in_use(const std::vector<ImageSource>& deep, std::int64_t max_pixels) {
  constexpr std::size_t kEnough = 8;
  const std::size_t count = std::min(deep.size(), kEnough);
  int bits = 0;
  for (std::size_t i = 0; i < count && bits < kAllBits; ++i) {
    try {
      const ReadOptions options{.max_pixels = max_pixels, .deep_bits = kMeasuredBits};
      bits = std::max(bits, bits_in_use(read_image(deep[i * deep.size() / count], options)));
    } catch (const core::DataError&) {  // training will name it
    }
  }
  return bits == 0 ? kAllBits : bits;
}

}  // namespace

DeepImages look_for_deep_images(const ImageList& images, std::int64_t max_pixels) {
  constexpr std::size_t kMost = 32;
  const std::size_t count = std::min(images.size(), kMost);
  DeepImages found;
  std::vector<ImageSource> deep;
  for (std::size_t i = 0; i < count; ++i) {
    const ImageSource image = images[i * images.size() / count];
    const int bits = bits_of_samples(image);
    found.looked_at += bits > 0 ? 1 : 0;
    if (bits == kAllBits) deep.push_back(image);
  }
  found.deep = deep.size();
  if (found.are_most_deep()) found.bits = bits_in_use(deep, max_pixels);
  return found;
}

std::string deep_bits_warning(const DeepImages& images, int deep_bits) {
  if (!images.are_most_deep()) {
    const bool has_effect = deep_bits == kAllBits || images.deep > 0 || images.looked_at == 0;
    return has_effect
               ? ""
               : fmt::format("none of {} images looked at has 16 bits, which `deep_bits` is for", images.looked_at);
  }
  if (deep_bits == kAllBits && images.bits < kAllBits) {
    return fmt::format(
        "{} of {} images looked at have 16 bits a sample, of which only {} are in use, so they turn nearly "
        "black; `deep_bits` {} makes white of their largest numbers",
        images.deep, images.looked_at, images.bits, images.bits);
  }
  if (deep_bits < images.bits) {
    return fmt::format("`deep_bits` is {}, but the samples have {} bits: what is brighter turns white", deep_bits,
                       images.bits < kAllBits ? std::to_string(images.bits) : "15 or 16");
  }
  return "";
}

}  // namespace margay::data
