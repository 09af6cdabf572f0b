#include "margay/export/resample_graph.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/data/image/resample_kernel.h"

namespace margay::exporting {
namespace {

using Dimensions = std::vector<std::int64_t>;

/// Outputs that share a window of the source. A product of matrices for each window costs about as many operations as
/// the filter itself and some, while one for the whole axis would cost source · outputs.
constexpr std::int64_t kBlock = 16;
constexpr int kBits = data::Taps::kBits;  // of a weight

/// A pass along one axis: `from` pixels become `to`. Numbers are int64, and exact.
class PassWriter {
 public:
  PassWriter(OnnxBuilder& onnx, const char* name, std::string from, std::string to)
      : onnx_(onnx), name_(name), from_(std::move(from)), to_(std::move(to)) {
    blocks_ = add("Div", {add("Add", {to_, number(kBlock - 1)}, "all"), number(kBlock)}, "blocks");
    reach_ = add("Mul", {add("Max", {from_, to_}, "longer"), number(2)}, "reach");
  }

  /// x: uint8 [N,from,A,B]; sides: those of A and B, int64 [1]. Returns uint8 [N,to,A,B].
  std::string write(const std::string& x, const std::string& a, const std::string& b) {
    const std::string window = window_length();
    const std::string sources = sources_of(window);  // [blocks,L]
    const std::string weights = weights_of(sources);
    const std::string rest = add("Mul", {a, b}, "rest");
    const std::string windows = add("Gather", {x, sources}, "windows", {{"axis", std::int64_t{1}}});
    const std::string columns =
        add("Reshape", {windows, shape({number(0), blocks_, window, rest})}, "columns");  // [N,blocks,L,A·B]
    const std::string blocks = bytes_of(sum_of(weights, columns));
    const std::string outputs = add("Mul", {blocks_, number(kBlock)}, "outputs");
    const std::string all = add("Reshape", {blocks, shape({number(0), outputs, a, b})}, "some_more");
    return add("Slice", {all, number(0), to_, number(1)}, "bytes");
  }

 private:
  std::string add(const char* op, OnnxBuilder::Names inputs, const char* name,
                  OnnxBuilder::Attributes attributes = {}) {
    return onnx_.add(op, std::move(inputs), fmt::format("input/{}/{}", name_, name), std::move(attributes));
  }
  std::string number(std::int64_t value) { return onnx_.integers({value}); }
  std::string small(std::int64_t value) { return onnx_.integer(value, OnnxType::kInt32); }

  /// Of the parts, int64 [1] each.
  std::string shape(OnnxBuilder::Names parts) {
    return add("Concat", std::move(parts), "shape", {{"axis", std::int64_t{0}}});
  }

  /// 0, 1, 2 … below `count`, int64 [1].
  std::string counted(const std::string& count, const char* name) {
    return add("Range", {onnx_.integer(0), add("Squeeze", {count}, "count"), onnx_.integer(1)}, name);
  }

  /// data::Axis::centre: (2 · output + 1) · from.
  std::string centre(const std::string& outputs, const char* name) {
    const std::string odd = add("Add", {add("Mul", {outputs, number(2)}, "twice"), number(1)}, "odd");
    return add("Mul", {odd, from_}, name);
  }

  /// Pixels that a block's outputs reach: (kBlock - 1) · from / to + 2 · support, and those that both ends touch.
  std::string window_length() {
    const std::string reached = add("Add", {add("Mul", {from_, number(kBlock - 1)}, "steps"), reach_}, "reached");
    const std::string whole = add("Add", {add("Div", {reached, to_}, "whole"), number(2)}, "length");
    return add("Min", {whole, from_}, "window");
  }

  /// The source pixels of each block, int64 [blocks,L]; the last windows end with the source.
  std::string sources_of(const std::string& window) {
    const std::string first =
        add("Mul", {add("Unsqueeze", {counted(blocks_, "block"), number(1)}, "block_rows"), number(kBlock)}, "first");
    const std::string low =
        add("Sub", {add("Sub", {centre(first, "first_centre"), reach_}, "before"), to_}, "low");  // [blocks,1]
    const std::string start = add("Div", {low, add("Mul", {to_, number(2)}, "step")}, "start");
    const std::string most = add("Sub", {from_, window}, "last_start");
    const std::string inside = add("Min", {add("Max", {start, number(0)}, "from_start"), most}, "window_start");
    return add("Add", {inside, counted(window, "places")}, "sources");
  }

  /// data::weight_of of every output and source pixel of the blocks, int64 [blocks,kBlock,L].
  std::string weights_of(const std::string& sources) {
    const std::string count = add("Mul", {blocks_, number(kBlock)}, "outputs");
    const std::string outputs =
        add("Reshape", {counted(count, "output"), shape({blocks_, number(kBlock), number(1)})}, "output_rows");
    const std::string odd = add("Add", {add("Mul", {sources, number(2)}, "twice"), number(1)}, "odd");
    const std::string at = add("Unsqueeze", {add("Mul", {odd, to_}, "places"), number(1)}, "place_rows");
    const std::string distance = add("Abs", {add("Sub", {at, centre(outputs, "centre")}, "offset")}, "distance");
    const std::string shares = add("Max", {add("Sub", {reach_, distance}, "share"), number(0)}, "shares");
    const std::string sums = onnx_.reduce("ReduceSum", shares, {2}, fmt::format("input/{}/sum", name_), true);
    const std::string sum = add("Max", {sums, number(1)}, "sums");  // 0: an output beyond the last
    const std::string scaled = add("Mul", {shares, number(std::int64_t{2} << kBits)}, "scaled");
    return add("Div", {add("Add", {scaled, sum}, "half_up"), add("Mul", {sum, number(2)}, "twice_sum")}, "weights");
  }

  /// Bits [bit, bit + 8) of the weights, uint8.
  std::string digit(const std::string& weights, int bit) {
    const std::string above = bit == 0 ? weights : add("Div", {weights, number(std::int64_t{1} << bit)}, "above");
    return add("Cast", {add("Mod", {above, number(256)}, "digit")}, "digits",
               {{"to", std::int64_t{static_cast<int>(OnnxType::kUint8)}}});
  }

  /// Weighted sums in 2^-22, int32 [N,blocks,kBlock,A·B]. Products of bytes are summed in int32, so weights are taken
  /// as three digits of 256.
  std::string sum_of(const std::string& weights, const std::string& columns) {
    std::string sum;
    for (const int bit : {16, 8, 0}) {
      const std::string part = add("MatMulInteger", {digit(weights, bit), columns}, "part");
      sum = sum.empty() ? part : add("Add", {add("Mul", {sum, small(256)}, "higher"), part}, "parts");
    }
    return sum;
  }

  /// Rounded half up; weights of a very long window may sum to somewhat more than 1.
  std::string bytes_of(const std::string& sum) {
    const std::string half_up = add("Add", {sum, small(std::int64_t{1} << (kBits - 1))}, "half_up");
    const std::string whole = add("Div", {half_up, small(std::int64_t{1} << kBits)}, "rounded");
    return add("Cast", {add("Min", {whole, small(255)}, "clipped")}, "block_bytes",
               {{"to", std::int64_t{static_cast<int>(OnnxType::kUint8)}}});
  }

  OnnxBuilder& onnx_;
  const char* name_;
  std::string from_;
  std::string to_;
  std::string blocks_;  ///< int64 [1]
  std::string reach_;   ///< data::Axis::reach, int64 [1]
};

}  // namespace

std::string add_resample(OnnxBuilder& onnx, const std::string& pixels, const ImageSides& from, const ImageSides& to) {
  const std::string colours = onnx.integers({3});
  const auto turned = [&](const std::string& x, Dimensions order) {
    return onnx.add("Transpose", {x}, "input/turned", {{"perm", std::move(order)}});
  };
  const std::string columns = turned(pixels, {0, 2, 3, 1});  // [N,W,3,H]
  const std::string wide = PassWriter(onnx, "horizontal", from.width, to.width).write(columns, colours, from.height);
  const std::string rows = turned(wide, {0, 3, 1, 2});  // [N,H,w,3]
  return PassWriter(onnx, "vertical", from.height, to.height).write(rows, to.width, colours);
}

}  // namespace margay::exporting
