#include "margay/model/graph/shapes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/core/error.h"

namespace margay::model {
namespace {

using Pair = std::array<std::int64_t, 2>;

std::int64_t product(const Shape& shape) {
  std::int64_t all = 1;
  for (const std::int64_t size : shape) all *= size == kAnySize ? 1 : size;
  return all;
}

bool has_one_batch(const Shape& shape) { return std::count(shape.begin(), shape.end(), kAnySize) == 1; }

/// What a sliding window does along a side.
struct Window {
  std::int64_t kernel;  ///< with the places that dilation skips
  std::int64_t stride;
  std::int64_t padding;
  bool rounds_up = false;

  std::int64_t results(std::int64_t size) const {
    if (size == kAnySize) return kAnySize;
    const std::int64_t room = size + 2 * padding - kernel + (rounds_up ? stride - 1 : 0);
    if (room < 0) {
      throw std::invalid_argument(
          fmt::format("the images are too small: a window of {} pixels does not fit into the {} that are left of them",
                      kernel, size + 2 * padding));
    }
    const std::int64_t whole = room / stride + 1;
    const bool begins_behind = rounds_up && (whole - 1) * stride >= size + padding;
    return whole - (begins_behind ? 1 : 0);
  }
};

Shape image_shape(const Shape& x, std::int64_t channels, const std::array<Window, 2>& windows) {
  MARGAY_CHECK(x.size() == 4, "windows slide over images");
  return {x[0], channels, windows[0].results(x[2]), windows[1].results(x[3])};
}

/// One overload an operation.
struct Shapes {
  const std::vector<Shape>& inputs;

  const Shape& x() const { return inputs.at(0); }

  Shape operator()(const op::Convolution& conv) const {
    const Shape& weight = inputs.at(1);
    MARGAY_CHECK(x().at(1) == kAnySize || x().at(1) == weight.at(1) * conv.groups, "a convolution has its channels");
    const auto window = [&](std::size_t i) {
      return Window{conv.dilation.at(i) * (conv.kernel.at(i) - 1) + 1, conv.stride.at(i), conv.padding.at(i)};
    };
    return image_shape(x(), weight.at(0), {window(0), window(1)});
  }

  Shape operator()(const op::Pool& pool) const {
    const auto window = [&](std::size_t i) {
      return Window{pool.kernel.at(i), pool.stride.at(i), pool.padding.at(i), pool.rounds_up};
    };
    return image_shape(x(), x().at(1), {window(0), window(1)});
  }

  Shape operator()(const op::AdaptivePool& pool) const {
    MARGAY_CHECK(x().size() == 4, "windows slide over images");
    if (x()[2] == 0 || x()[3] == 0) throw std::invalid_argument("the images are too small: nothing is left to pool");
    return {x()[0], x()[1], pool.side, pool.side};
  }

  Shape operator()(const op::Linear& /*linear*/) const {
    Shape shape = x();
    const Shape& weight = inputs.at(1);
    MARGAY_CHECK(shape.back() == kAnySize || shape.back() == weight.at(1), "a linear layer has its features");
    shape.back() = weight.at(0);
    return shape;
  }

  Shape operator()(const op::Mean& mean) const {
    Shape shape = x();
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(mean.dimension));
    return shape;
  }

  Shape operator()(const op::Add& /*add*/) const { return broadcast(x(), inputs.at(1)); }
  Shape operator()(const op::Multiply& /*multiply*/) const { return broadcast(x(), inputs.at(1)); }

  Shape operator()(const op::MatrixProduct& /*product*/) const {
    Shape a = x();
    Shape b = inputs.at(1);
    const std::int64_t rows = a.at(a.size() - 2);
    const std::int64_t columns = b.back();
    MARGAY_CHECK(a.back() == b.at(b.size() - 2), "matrices fit one another");
    a.resize(a.size() - 2);
    b.resize(b.size() - 2);
    Shape shape = broadcast(a, b);
    shape.insert(shape.end(), {rows, columns});
    return shape;
  }

  Shape operator()(const op::Concat& concat) const {
    Shape shape = x();
    std::int64_t& size = shape.at(static_cast<std::size_t>(concat.dimension));
    size = 0;
    for (const Shape& each : inputs) size += each.at(static_cast<std::size_t>(concat.dimension));
    return shape;
  }

  Shape operator()(const op::Slice& slice) const {
    Shape shape = x();
    std::int64_t& size = shape.at(static_cast<std::size_t>(slice.dimension));
    MARGAY_CHECK(size == kAnySize || slice.start + slice.length <= size, "a slice lies within its input");
    size = slice.length;
    return shape;
  }

  Shape operator()(const op::Reshape& reshape) const {
    const bool is_known = has_one_batch(x()) && has_one_batch(reshape.sizes);
    MARGAY_CHECK(!is_known || product(x()) == product(reshape.sizes),
                 fmt::format("the numbers of {} fill {}", x(), reshape.sizes));
    return reshape.sizes;
  }

  Shape operator()(const op::Transpose& transpose) const {
    Shape shape;
    for (const std::int64_t each : transpose.order) shape.push_back(x().at(static_cast<std::size_t>(each)));
    return shape;
  }

  Shape operator()(const op::Pad& pad) const {
    Shape shape = x();
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] != kAnySize) shape[i] += pad.before.at(i) + pad.behind.at(i);
    }
    return shape;
  }

  Shape operator()(const op::TakeRows& /*rows*/) const {
    Shape shape = x();
    shape.at(0) = inputs.at(1).at(0);
    return shape;
  }

  Shape operator()(const op::RepeatForBatch& /*repeat*/) const {
    Shape shape = x();
    MARGAY_CHECK(shape.at(0) == 1, "one is repeated");
    shape[0] = inputs.at(1).at(0);
    return shape;
  }

  /// The others keep it.
  template <class Other>
  Shape operator()(const Other& /*other*/) const {
    return x();
  }
};

}  // namespace

Shape broadcast(const Shape& a, const Shape& b) {
  if (a.size() < b.size()) return broadcast(b, a);
  Shape shape = a;
  const std::size_t missing = a.size() - b.size();
  for (std::size_t i = 0; i < b.size(); ++i) {
    std::int64_t& size = shape[missing + i];
    MARGAY_CHECK(size == b[i] || size == 1 || b[i] == 1, fmt::format("{} and {} go together", a, b));
    if (size == 1) size = b[i];
  }
  return shape;
}

Shape result_shape(const op::Operation& operation, const std::vector<Shape>& inputs) {
  return std::visit(Shapes{inputs}, operation);
}

}  // namespace margay::model
