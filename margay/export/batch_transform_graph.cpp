#include "margay/export/batch_transform_graph.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/data/transform/warp.h"

namespace margay::exporting {
namespace {

using Dimensions = std::vector<std::int64_t>;

class BatchTransformWriter {
 public:
  BatchTransformWriter(OnnxBuilder& onnx, const data::Transforms& transforms)
      : onnx_(onnx), transforms_(transforms), from_(transforms.resize.size), to_(transforms.augment.size) {}

  std::string write(const std::string& pixels) { return normalised(shown(pixels)); }

 private:
  std::string add(const char* op, OnnxBuilder::Names inputs, const char* name,
                  OnnxBuilder::Attributes attributes = {}) {
    return onnx_.add(op, std::move(inputs), fmt::format("input/{}", name), std::move(attributes));
  }
  std::string cast(const std::string& x, OnnxType to, const char* name) {
    return add("Cast", {x}, name, {{"to", std::int64_t{static_cast<int>(to)}}});
  }

  /// float [N,3,T,T], 0 … 255.
  std::string shown(const std::string& pixels) {
    const std::string planes = add("Transpose", {pixels}, "planes", {{"perm", Dimensions{0, 3, 1, 2}}});
    if (from_ == to_) return cast(planes, OnnxType::kFloat, "float");
    const double step = static_cast<double>(from_) / static_cast<double>(to_);
    const std::int64_t block =
        data::shrink_of(data::scale(step, step), transforms_.augment.size, transforms_.augment.size).x;
    const std::string x = block == 1 ? planes : block_means(planes, block);
    return interpolated(cast(x, OnnxType::kFloat, "float"), block);
  }

  /// data::box_reduce, in whole numbers: int32 [N,3,blocks,blocks]. Blocks at the right and lower edge may be smaller,
  /// and are the mean of what they have.
  std::string block_means(const std::string& planes, std::int64_t block) {
    const std::int64_t blocks = (from_ + block - 1) / block;
    const std::int64_t beyond = blocks * block - from_;
    const std::string whole =
        add("Pad", {cast(planes, OnnxType::kInt32, "whole"), onnx_.integers({0, 0, 0, 0, 0, 0, beyond, beyond})},
            "with_edge");
    const std::string split = add("Reshape", {whole, onnx_.integers({0, 0, blocks, block, blocks, block})}, "blocks");
    const std::string sums = onnx_.reduce("ReduceSum", split, {3, 5}, "input/block_sums");
    const auto counts = [&](std::int64_t divisor) { return block_counts(block, blocks, divisor); };
    return add("Div", {add("Add", {sums, counts(2)}, "half_up"), counts(1)}, "block_means");
  }

  /// Pixels of each block, divided and rounded down: int32 [blocks,blocks].
  std::string block_counts(std::int64_t block, std::int64_t blocks, std::int64_t divisor) {
    std::vector<std::int32_t> counts;
    const auto side = [&](std::int64_t at) { return std::min(block, from_ - at * block); };
    for (std::int64_t y = 0; y < blocks; ++y) {
      for (std::int64_t x = 0; x < blocks; ++x) {
        counts.push_back(static_cast<std::int32_t>(side(y) * side(x) / divisor));
      }
    }
    return onnx_.constant(onnx_constant(fmt::format("input/block_counts_{}", divisor), OnnxType::kInt32,
                                        {blocks, blocks}, std::as_bytes(std::span(counts))));
  }

  /// Where the last block is smaller the result is made a little too large, so that its scale fits, and cut.
  std::string interpolated(const std::string& x, std::int64_t block) {
    const OnnxBuilder::Attributes linear = {{"mode", std::string("linear")},
                                            {"coordinate_transformation_mode", std::string("half_pixel")}};
    if (from_ % block == 0) {
      const std::string shape = onnx_.slice(add("Shape", {x}, "from"), 0, 0, 2, "input/kept");
      const std::string sizes =
          add("Concat", {shape, onnx_.integers({to_, to_})}, "shown_sizes", {{"axis", std::int64_t{0}}});
      return add("Resize", {x, "", "", sizes}, "shown", linear);
    }
    const float scale = static_cast<float>(static_cast<double>(to_ * block) / static_cast<double>(from_));
    const std::string scales = onnx_.constant(onnx_floats("input/scales", {4}, std::array{1.0F, 1.0F, scale, scale}));
    const std::string larger = add("Resize", {x, "", scales}, "larger", linear);
    return add("Slice", {larger, onnx_.integers({0, 0}), onnx_.integers({to_, to_}), onnx_.integers({2, 3})}, "shown");
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
  const data::Transforms& transforms_;
  std::int64_t from_;
  std::int64_t to_;
};

}  // namespace

std::string add_batch_transform(OnnxBuilder& onnx, const data::Transforms& transforms, const std::string& pixels) {
  return BatchTransformWriter(onnx, transforms).write(pixels);
}

}  // namespace margay::exporting
