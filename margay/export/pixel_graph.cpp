#include "margay/export/pixel_graph.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/export/batch_transform_graph.h"
#include "margay/export/resample_graph.h"

namespace margay::exporting {
namespace {

/// A value uint8 [N,H,W,3], and H and W.
struct BoundedPixels {
  std::string pixels;
  ImageSides sides;
};

/// A value uint8 [N,M,M,3], and M, int64 [1].
struct PixelSquare {
  std::string pixels;
  std::string side;
};

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

/// The nodes of the item transform, before those of the batch transform.
class PixelWriter {
 public:
  PixelWriter(OnnxBuilder& onnx, const data::Transforms& transforms)
      : onnx_(onnx), resize_(transforms.resize), transforms_(transforms) {}

  std::string write(const std::string& pixels) { return add_batch_transform(onnx_, transforms_, item(pixels)); }

 private:
  std::string add(const char* op, OnnxBuilder::Names inputs, const char* name,
                  OnnxBuilder::Attributes attributes = {}) {
    return onnx_.add(op, std::move(inputs), fmt::format("input/{}", name), std::move(attributes));
  }
  std::string number(std::int64_t value) { return onnx_.integers({value}); }

  std::string cast(const std::string& x, OnnxType to, const char* name) {
    return add("Cast", {x}, name, {{"to", std::int64_t{static_cast<int>(to)}}});
  }
  std::string joined(OnnxBuilder::Names parts, std::int64_t dimension, const char* name) {
    return add("Concat", std::move(parts), name, {{"axis", dimension}});
  }
  std::string resized(const std::string& pixels, const ImageSides& from, const ImageSides& to) {
    return add_resample(onnx_, pixels, from, to);
  }

  /// The item transform, uint8 [N,S,S,3].
  std::string item(const std::string& pixels) {
    const std::string side = number(resize_.size);
    const ImageSides square = {side, side};
    switch (resize_.method) {
      case data::ResizeMethod::kCrop: {
        const PixelSquare crop = centre_square(pixels);
        return resized(crop.pixels, {crop.side, crop.side}, square);
      }
      case data::ResizeMethod::kPad: {
        const PixelSquare whole = padded(bounded(pixels));
        return resized(whole.pixels, {whole.side, whole.side}, square);
      }
      case data::ResizeMethod::kSquish:
        return resized(pixels, sides_of(pixels), square);
      case data::ResizeMethod::kRandomCrop:
        break;
    }
    return middle_of_larger(pixels);
  }

  /// Of images [N,H,W,3].
  ImageSides sides_of(const std::string& pixels) {
    const std::string shape = add("Shape", {pixels}, "shape");
    return {onnx_.slice(shape, 0, 1, 2, "input/height"), onnx_.slice(shape, 0, 2, 3, "input/width")};
  }

  /// The side of resize_window's square for the image's side that decides: int64 [1].
  std::string window_side(const std::string& side) {
    const std::vector<std::uint8_t> lost = lost_pixels(resize_.size);
    if (lost.empty()) return side;
    const std::string table = onnx_.constant(
        onnx_constant("input/lost_pixels", OnnxType::kUint8, {std::ssize(lost)}, std::as_bytes(std::span(lost))));
    const std::string known = add("Min", {side, number(kLongestSidePx)}, "known_side");
    const std::string pixels = add("Gather", {table, known}, "lost", {{"axis", std::int64_t{0}}});
    return add("Sub", {side, cast(pixels, OnnxType::kInt64, "lost_side")}, "window_side");
  }

  /// The largest square in the middle.
  PixelSquare centre_square(const std::string& pixels) {
    const auto [height, width] = sides_of(pixels);
    const std::string side = window_side(add("Min", {height, width}, "shorter"));
    const auto start = [&](const std::string& whole, const char* name) {
      return add("Div", {add("Sub", {whole, side}, "rest"), number(2)}, name);
    };
    const std::string top = start(height, "top");
    const std::string starts = joined({top, start(width, "left")}, 0, "crop_start");
    const std::string ends = add("Add", {starts, side}, "crop_end");
    return {add("Slice", {pixels, starts, ends, onnx_.integers({1, 2})}, "crop"), side};
  }

  /// Very long images are shrunk before they are padded, as Resize::apply does: to sides · limit / longer side,
  /// rounded. Others stay as they are. ONNX has no choice without subgraphs, so both are computed, the one that is not
  /// wanted of a single pixel, and the wanted one is cut out of their values.
  BoundedPixels bounded(const std::string& pixels) {
    const std::int64_t limit = std::max(4 * resize_.size, 4096);
    const ImageSides sides = sides_of(pixels);
    const std::string longer = add("Max", {sides.height, sides.width, number(limit)}, "longer");
    const std::string is_long =
        cast(add("Less", {number(limit), longer}, "too_long"), OnnxType::kInt64, "is_long");  // 0 or 1
    const std::string is_kept = add("Sub", {number(1), is_long}, "is_kept");
    const ImageSides to = {bounded_side(sides.height, longer, limit), bounded_side(sides.width, longer, limit)};
    const ImageSides seen = or_a_pixel(sides, is_long);
    const std::string shrunk = resized(corner(pixels, seen), seen, or_a_pixel(to, is_long));
    const std::string kept = corner(pixels, or_a_pixel(sides, is_kept));
    const std::string images = onnx_.slice(add("Shape", {pixels}, "shape"), 0, 0, 1, "input/images");
    const std::string shape = joined({images, to.height, to.width, number(3)}, 0, "bounded_shape");
    const std::string start = add("Mul", {is_kept, add("Mul", {images, number(3)}, "a_pixel_each")}, "chosen_start");
    const std::string values = onnx_.reduce("ReduceProd", shape, {0}, "input/values", true);
    const std::string both = joined({flat(shrunk), flat(kept)}, 0, "both");
    const std::string chosen =
        add("Slice", {both, start, add("Add", {start, values}, "chosen_end"), number(0)}, "chosen");
    return {add("Reshape", {chosen, shape}, "bounded"), to};
  }

  std::string flat(const std::string& pixels) { return add("Reshape", {pixels, number(-1)}, "flat"); }

  /// The upper left part of these sides.
  std::string corner(const std::string& pixels, const ImageSides& sides) {
    const std::string ends = joined({sides.height, sides.width}, 0, "corner_end");
    return add("Slice", {pixels, onnx_.integers({0, 0}), ends, onnx_.integers({1, 2})}, "corner");
  }

  /// The sides where wanted is 1, one pixel where it is 0.
  ImageSides or_a_pixel(const ImageSides& sides, const std::string& wanted) {
    const auto side = [&](const std::string& px) {
      return add("Max", {add("Mul", {px, wanted}, "wanted"), number(1)}, "wanted_side");
    };
    const std::string height = side(sides.height);
    return {height, side(sides.width)};
  }

  std::string bounded_side(const std::string& whole, const std::string& longer, std::int64_t limit) {
    const std::string twice = add("Mul", {whole, number(2 * limit)}, "twice");
    const std::string halves =
        add("Div", {add("Add", {twice, longer}, "half_up"), add("Mul", {longer, number(2)}, "two_longer")}, "bound");
    return add("Max", {halves, number(1)}, "bounded_side");
  }

  /// The image's square with what surrounds it.
  PixelSquare padded(const BoundedPixels& image) {
    const auto& [height, width] = image.sides;
    const std::string side = window_side(add("Max", {height, width}, "longer"));
    return {padded_along(padded_along(image.pixels, 1, height, side), 2, width, side), side};
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
    const std::string inside = add("Equal", {sources, places}, "inside");
    constexpr std::int64_t kRows = 1;
    const OnnxBuilder::Names behind = {inside, dimension == kRows ? onnx_.integers({1, 2}) : number(1)};
    const std::string black = onnx_.integer(0, OnnxType::kUint8);
    return add("Where", {add("Unsqueeze", behind, "inside_places"), x, black}, "black_outside");
  }

  /// fastai's RandomResizedCrop for validation: the whole image squeezed and somewhat larger, then its middle.
  std::string middle_of_larger(const std::string& pixels) {
    const int size = resize_.size;
    const int larger = size + static_cast<int>(std::ceil(size * resize_.val_xtra / 8)) * 8;
    const std::string side = number(larger);
    const std::string whole = resized(pixels, sides_of(pixels), {side, side});
    if (larger == size) return whole;
    const std::int64_t start = (larger - size) / 2;
    return add(
        "Slice",
        {whole, onnx_.integers({start, start}), onnx_.integers({start + size, start + size}), onnx_.integers({1, 2})},
        "middle");
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
