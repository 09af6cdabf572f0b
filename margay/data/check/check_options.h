#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "margay/core/options.h"
#include "margay/data/image/read_options.h"

namespace margay::data {

/// Where a check of the data draws its lines.
struct CheckOptions {
  bool near_duplicates = false;   ///< also look for pictures that look alike, not only for equal ones
  int near_bits = 10;             ///< hashes of 64 bits that differ in at most so many are compared closely
  double near_correlation = 0.8;  ///< two pictures look alike from this correlation of their details on
  std::optional<int> min_side;    ///< pixels; by default 32, or half of the median shorter side if that is less
  double max_megapixels = 50;
  double max_aspect = 4;                               ///< longer side / shorter side
  int min_per_class = 10;                              ///< pictures
  double max_imbalance = 10;                           ///< pictures of the largest class / of the smallest
  std::int64_t max_pixels = ReadOptions().max_pixels;  ///< a picture that claims more is not decoded
  std::optional<int> threads;                          ///< by default one for each CPU

  static constexpr const char* kName = "check";
  static constexpr auto fields() {
    return std::tuple{
        core::field("near_duplicates", &CheckOptions::near_duplicates,
                    "also look for pictures that look alike: copies that were scaled, compressed again or mirrored"),
        core::field("near_bits", &CheckOptions::near_bits,
                    "bits of 64 in which the hashes of pictures that look alike may differ", {0, 16}),
        core::field("near_correlation", &CheckOptions::near_correlation,
                    "least correlation of the details of pictures that look alike", {0, 1}),
        core::field("min_side", &CheckOptions::min_side,
                    "a shorter side below this is too small, pixels; by default 32, or half of the median shorter side "
                    "if that is less",
                    {1, 65535}),
        core::field("max_megapixels", &CheckOptions::max_megapixels, "a picture of more is huge", {0, 1e6}),
        core::field("max_aspect", &CheckOptions::max_aspect, "most that the longer side may be of the shorter",
                    {1, 65535}),
        core::field("min_per_class", &CheckOptions::min_per_class, "a class of fewer pictures is small", {0, 1e9}),
        core::field("max_imbalance", &CheckOptions::max_imbalance,
                    "most pictures that the largest class may have for one of the smallest", {1, 1e9}),
        core::field("max_pixels", &CheckOptions::max_pixels,
                    "a picture that claims more pixels counts as unreadable, as in training", {1, 1e12}),
        core::field("threads", &CheckOptions::threads, "pictures read at once; by default one for each CPU",
                    {1, 1024})};
  }
};

}  // namespace margay::data
