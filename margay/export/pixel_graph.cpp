#include "margay/export/pixel_graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/data/transform/warp.h"

namespace margay::exporting {
namespace {

using Integers = std::vector<std::int64_t>;

/// How much smaller than a side m of an image the side of resize_window's square is, as uint8 [65536]: 0, or 1 where
/// m / size · size lies just below m. Nothing where it never is.
std::vector<std::uint8_t> lost_pixels(int size) {
  std::vector<std::uint8_t> lost;
  for (int m = 0; m <= kLongestSidePx; ++m) {
    const data::Crop crop =
        data::resize_window(data::ResizeMethod::kCrop, std::max(m, 1), std::max(m, 1), size, size, 0, 0);
    lost.push_back(static_cast<std::uint8_t>(std::max(m, 1) - crop.width));
  }
  const bool none = std::all_of(lost.begin(), lost.end(), [](std::uint8_t each) { return each == 0; });
  return none ? std::vector<std::uint8_t>() : lost;
}

/// Both sides of an image: int64 [1] each.
struct PixelSides {
  std::string height;
  std::string width;
};

/// The nodes of the item transform, then those of the batch transform.
class PixelWriter {
 public:
  PixelWriter(OnnxBuilder& onnx, const data::Transforms& transforms)
      : onnx_(onnx), resize_(transforms.resize), transforms_(transforms) {}

  std::string write(const std::string& pixels) { return normalised(shown(item(pixels))); }

 private:
  std::string add(const char* op, OnnxBuilder::Names inputs, const char* name,
                  OnnxBuilder::Attributes attributes = {}) {
    return onnx_.add(op, std::move(inputs), fmt::format("input/{}", name), std::move(attributes));
  }
  std::string number(std::int64_t value) { return onnx_.integers({value}); }

  /// Sides of an image whose rows are the dimension `rows`, columns the one behind.
  PixelSides sides_of(const std::string& image, std::int64_t rows) {
    const std::string shape = add("Shape", {image}, "shape");
    return {onnx_.slice(shape, 0, rows, rows + 1, "input/height"),
            onnx_.slice(shape, 0, rows + 1, rows + 2, "input/width")};
  }

  /// uint8 [N,H,W,3] -> float [N,3,H,W].
  std::string planes(const std::string& pixels) {
    const std::string turned = add("Transpose", {pixels}, "planes", {{"perm", Integers{0, 3, 1, 2}}});
    return add("Cast", {turned}, "float", {{"to", std::int64_t{static_cast<int>(OnnxType::kFloat)}}});
  }

  /// float [N,3,S,S] of whole numbers.
  std::string item(const std::string& pixels) {
    const std::string side = number(resize_.size);
    switch (resize_.method) {
      case data::ResizeMethod::kCrop:
        return resized(planes(centre_square(pixels)), {side, side});
      case data::ResizeMethod::kPad:
        return resized(padded(bounded(pixels)), {side, side});
      case data::ResizeMethod::kSquish:
        return resized(planes(pixels), {side, side});
      case data::ResizeMethod::kRandomCrop:
        break;
    }
    return middle_of_larger(pixels);
  }

  /// The side of resize_window's square for the image's side that decides: int64 [1].
  std::string window_side(const std::string& side) {
    const std::vector<std::uint8_t> lost = lost_pixels(resize_.size);
    if (lost.empty()) return side;
    const std::string bytes(lost.begin(), lost.end());
    const std::string table = onnx_.constant(
        {"input/lost_pixels", OnnxType::kUint8, {static_cast<std::int64_t>(bytes.size())}, [bytes] { return bytes; }});
    const std::string known = add("Min", {side, number(kLongestSidePx)}, "known_side");
    const std::string pixels = add("Cast", {add("Gather", {table, known}, "lost", {{"axis", std::int64_t{0}}})},
                                   "lost_side", {{"to", std::int64_t{static_cast<int>(OnnxType::kInt64)}}});
    return add("Sub", {side, pixels}, "window_side");
  }

  /// The largest square in the middle, uint8 [N,M,M,3].
  std::string centre_square(const std::string& pixels) {
    const auto [height, width] = sides_of(pixels, 1);
    const std::string side = window_side(add("Min", {height, width}, "shorter"));
    const auto start = [&](const std::string& whole, const char* name) {
      return add("Div", {add("Sub", {whole, side}, "rest"), number(2)}, name);
    };
    const std::string top = start(height, "top");
    const std::string left = start(width, "left");
    const std::string starts = add("Concat", {top, left}, "crop_start", {{"axis", std::int64_t{0}}});
    const std::string ends = add("Add", {starts, side}, "crop_end");
    return add("Slice", {pixels, starts, ends, onnx_.integers({1, 2})}, "crop");
  }

  /// Pillow's BILINEAR (src/libImaging/Resample.c): a triangle filter that widens when shrinking, first along rows,
  /// then along columns, with bytes in between. exclude_outside leaves out what the filter covers beyond the image.
  std::string resized(const std::string& x, const PixelSides& to) {
    const std::string shape = add("Shape", {x}, "from");
    const std::string wide =
        add("Concat", {onnx_.slice(shape, 0, 0, 3, "input/kept"), to.width}, "wide", {{"axis", std::int64_t{0}}});
    const std::string rows = filtered(x, wide, "rows");
    const std::string high = add("Concat", {onnx_.slice(shape, 0, 0, 2, "input/kept"), to.height, to.width}, "high",
                                 {{"axis", std::int64_t{0}}});
    return filtered(rows, high, "columns");
  }

  std::string filtered(const std::string& x, const std::string& sizes, const char* name) {
    const std::string sums = add("Resize", {x, "", "", sizes}, name,
                                 {{"mode", std::string("linear")},
                                  {"coordinate_transformation_mode", std::string("half_pixel")},
                                  {"antialias", std::int64_t{1}},
                                  {"exclude_outside", std::int64_t{1}}});
    return bytes_of(sums);
  }

  /// The nearest bytes, halves upwards, as Pillow's; ONNX's Round takes halves to even numbers.
  std::string bytes_of(const std::string& x) {
    const std::string rounded = add("Floor", {add("Add", {x, onnx_.number(0.5F)}, "half_up")}, "rounded");
    return add("Clip", {rounded, onnx_.number(0), onnx_.number(255)}, "bytes");
  }

  /// Very long images are shrunk before they are padded, as Resize::apply does: to sides · limit / longer side,
  /// rounded. Others keep their sides, and so their pixels. float [N,3,H,W].
  std::string bounded(const std::string& pixels) {
    const std::string limit = number(std::max(4 * resize_.size, 4096));
    const auto [height, width] = sides_of(pixels, 1);
    const std::string longer = add("Max", {height, width, limit}, "longer");
    const auto side = [&](const std::string& whole, const char* name) {
      const std::string twice = add("Mul", {add("Mul", {whole, limit}, "limited"), number(2)}, "twice");
      const std::string halves =
          add("Div", {add("Add", {twice, longer}, "half_up"), add("Mul", {longer, number(2)}, "two_longer")}, "bound");
      return add("Max", {halves, number(1)}, name);
    };
    const std::string high = side(height, "bounded_height");
    return resized(planes(pixels), {high, side(width, "bounded_width")});
  }

  /// x: float [N,3,H,W]. Its square with what surrounds it, float [N,3,M,M].
  std::string padded(const std::string& x) {
    const auto [height, width] = sides_of(x, 2);
    const std::string side = window_side(add("Max", {height, width}, "longer"));
    return padded_along(padded_along(x, 2, height, side), 3, width, side);
  }

  /// Along one dimension: the places that crop_pad reads, one by one, since ONNX's own padding mirrors only once.
  std::string padded_along(const std::string& x, std::int64_t dimension, const std::string& size,
                           const std::string& side) {
    const std::string missing = add("Max", {add("Sub", {side, size}, "missing"), number(0)}, "missing_side");
    const std::string before = add("Div", {missing, number(2)}, "before");
    const std::string count = add("Squeeze", {side}, "count");
    const std::string steps = add("Range", {onnx_.integer(0), count, onnx_.integer(1)}, "steps");
    const std::string places = add("Sub", {steps, before}, "places");
    const std::string last = add("Sub", {size, number(1)}, "last");
    const bool mirrors = resize_.pad_mode == data::PadMode::kReflection;
    const std::string sources = mirrors ? mirrored(places, last) : clamped(places, last);
    const std::string filled = add("Gather", {x, sources}, "padded", {{"axis", dimension}});
    return resize_.pad_mode == data::PadMode::kZeros ? black_outside(filled, sources, places, dimension) : filled;
  }

  /// Mirrored at the centres of the outermost pixels as often as needed. Mod has the sign of the divisor.
  std::string mirrored(const std::string& places, const std::string& last) {
    const std::string period = add("Max", {add("Mul", {last, number(2)}, "period"), number(1)}, "period_of_one");
    const std::string rest = add("Mod", {places, period}, "rest");
    return add("Min", {rest, add("Sub", {period, rest}, "back")}, "mirrored");
  }

  std::string clamped(const std::string& places, const std::string& last) {
    return add("Max", {add("Min", {places, last}, "below"), number(0)}, "clamped");
  }

  std::string black_outside(const std::string& x, const std::string& sources, const std::string& places,
                            std::int64_t dimension) {
    const std::string same = add("Equal", {sources, places}, "inside");
    const std::string inside =
        add("Cast", {same}, "inside_share", {{"to", std::int64_t{static_cast<int>(OnnxType::kFloat)}}});
    constexpr std::int64_t kRows = 2;
    const std::string aligned = dimension == kRows ? add("Unsqueeze", {inside, number(1)}, "inside_rows") : inside;
    return add("Mul", {x, aligned}, "black_outside");
  }

  /// fastai's RandomResizedCrop for validation: the whole image squeezed and somewhat larger, then its middle.
  std::string middle_of_larger(const std::string& pixels) {
    const int size = resize_.size;
    const int larger = size + static_cast<int>(std::ceil(size * resize_.val_xtra / 8)) * 8;
    const std::string side = number(larger);
    const std::string whole = resized(planes(pixels), {side, side});
    if (larger == size) return whole;
    const std::int64_t start = (larger - size) / 2;
    return add(
        "Slice",
        {whole, onnx_.integers({start, start}), onnx_.integers({start + size, start + size}), onnx_.integers({2, 3})},
        "middle");
  }

  /// The batch transform for validation (data::warp_normalised): blocks of pixels are averaged where two neighbours
  /// would skip some, then a bilinear interpolation without rounding.
  std::string shown(const std::string& x) {
    const int from = resize_.size;
    const int to = transforms_.augment.size;
    if (from == to) return x;
    const double step = static_cast<double>(from) / to;
    const std::int64_t block = data::shrink_of(data::scale(step, step), to, to).x;
    return interpolated(block == 1 ? x : block_means(x, block), block);
  }

  /// Blocks at the right and lower edge may be smaller, and are the mean of what they have.
  std::string block_means(const std::string& x, std::int64_t block) {
    const std::int64_t beyond = (block - resize_.size % block) % block;
    return bytes_of(add("AveragePool", {x}, "blocks",
                        {{"kernel_shape", Integers{block, block}},
                         {"strides", Integers{block, block}},
                         {"pads", Integers{0, 0, beyond, beyond}},
                         {"count_include_pad", std::int64_t{0}}}));
  }

  /// Where the last block is smaller the result is made a little too large, so that its scale fits, and cut.
  std::string interpolated(const std::string& x, std::int64_t block) {
    const std::int64_t from = resize_.size;
    const std::int64_t to = transforms_.augment.size;
    const OnnxBuilder::Attributes linear = {{"mode", std::string("linear")},
                                            {"coordinate_transformation_mode", std::string("half_pixel")}};
    if (from % block == 0) {
      const std::string shape = onnx_.slice(add("Shape", {x}, "from"), 0, 0, 2, "input/kept");
      const std::string sizes =
          add("Concat", {shape, onnx_.integers({to, to})}, "shown_sizes", {{"axis", std::int64_t{0}}});
      return add("Resize", {x, "", "", sizes}, "shown", linear);
    }
    const float scale = static_cast<float>(static_cast<double>(to * block) / static_cast<double>(from));
    const std::string scales = onnx_.constant(onnx_floats("input/scales", {4}, std::array{1.0F, 1.0F, scale, scale}));
    const std::string larger = add("Resize", {x, "", scales}, "larger", linear);
    return add("Slice", {larger, onnx_.integers({0, 0}), onnx_.integers({to, to}), onnx_.integers({2, 3})}, "shown");
  }

  std::string normalised(const std::string& x) {
    std::array<float, 3> scale{};
    std::array<float, 3> shift{};
    const data::Normalization& normalization = transforms_.normalization;
    for (std::size_t c = 0; c < 3; ++c) {
      scale[c] = static_cast<float>(1.0 / (255.0 * normalization.std[c]));
      shift[c] = static_cast<float>(-normalization.mean[c] / normalization.std[c]);
    }
    const std::string factors = onnx_.constant(onnx_floats("input/scale", {3, 1, 1}, scale));
    const std::string shifts = onnx_.constant(onnx_floats("input/shift", {3, 1, 1}, shift));
    return add("Add", {add("Mul", {x, factors}, "scaled"), shifts}, "normalised");
  }

  OnnxBuilder& onnx_;
  const data::ResizeOptions& resize_;
  const data::Transforms& transforms_;
};

}  // namespace

void check_expressible(const data::Transforms& transforms) {
  const bool enlarges = transforms.augment.size > transforms.resize.size;
  if (!enlarges || transforms.augment.pad_mode != data::PadMode::kZeros) return;
  throw core::Error(fmt::format(
      "[export] border pixels fade into zeros where `augment.pad_mode` is zeros and `augment.size` ({}) exceeds "
      "`resize.size` ({}); ONNX's Resize cannot express that: export the network alone (`input` tensor)",
      transforms.augment.size, transforms.resize.size));
}

std::string add_pixels(OnnxBuilder& onnx, const data::Transforms& transforms, const std::string& pixels) {
  check_expressible(transforms);
  return PixelWriter(onnx, transforms).write(pixels);
}

}  // namespace margay::exporting
