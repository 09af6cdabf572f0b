#include "margay/model/fused/max_pool.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/utils.h>

#include "margay/model/fused/channel_passes.h"
#include "margay/model/fused/pool_kernel.h"
#include "margay/model/fused/recorded.h"

namespace margay::model {
namespace {

using fused::kChannelsLast;
using fused::WindowPixel;

/// Sides of a channels-last tensor and of what it is pooled to.
struct PoolShape {
  std::int64_t n, c, h, w;

  explicit PoolShape(torch::IntArrayRef sizes) : n(sizes[0]), c(sizes[1]), h(sizes[2]), w(sizes[3]) {}
  std::int64_t out_h() const { return (h + 1) / 2; }
  std::int64_t out_w() const { return (w + 1) / 2; }
};

/// Steps along one side, at most three: how far, and which of a window's three it is.
struct Steps {
  struct Step {
    std::int64_t by;
    std::int32_t place;
  };
  std::array<Step, 3> step{};
  std::size_t count = 0;

  /// From `from` to `to`, where that is inside.
  void add(std::int64_t from, std::int64_t to, std::int32_t place, std::int64_t end) {
    if (to >= 0 && to < end) step[count++] = {to - from, place};
  }
};

/// From pixel 2 · window to those below the window.
Steps to_pixels(std::int64_t window, std::int64_t end) {
  Steps steps;
  for (std::int32_t k = 0; k < 3; ++k) steps.add(2 * window, 2 * window - 1 + k, k, end);
  return steps;
}

/// From window pixel / 2 to those above the pixel: an even one lies in the middle of one, an odd one at the edges of
/// two.
Steps to_windows(std::int64_t pixel, std::int64_t end) {
  Steps steps;
  const std::int64_t window = pixel / 2;
  steps.add(window, window, pixel % 2 == 0 ? 1 : 2, end);
  if (pixel % 2 == 1) steps.add(window, window + 1, 0, end);
  return steps;
}

/// All combinations of steps down and to the right.
struct Offsets {
  std::array<WindowPixel, 9> pixels{};
  std::size_t count = 0;

  Offsets(const Steps& down, const Steps& right, std::int64_t width, std::int64_t channels) {
    for (std::size_t d = 0; d < down.count; ++d) {
      for (std::size_t r = 0; r < right.count; ++r) {
        pixels[count++] = {(down.step[d].by * width + right.step[r].by) * channels,
                           down.step[d].place * 3 + right.step[r].place};
      }
    }
  }
};

/// Calls work(image, row) for every row of every image, in LibTorch's threads.
template <class Work>
void for_each_row(std::int64_t images, std::int64_t rows, const Work& work) {
  constexpr std::int64_t kFewestRows = 4;
  at::parallel_for(0, images * rows, kFewestRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) work(i / rows, i % rows);
  });
}

torch::Tensor new_channels_last(std::vector<std::int64_t> sizes, const torch::TensorOptions& options) {
  return at::empty(sizes, options, kChannelsLast);
}

/// places: uint8 of the result's shape, or undefined.
torch::Tensor pool(const torch::Tensor& x, const torch::Tensor& places) {
  const PoolShape shape(x.sizes());
  torch::Tensor y = new_channels_last({shape.n, shape.c, shape.out_h(), shape.out_w()}, x.options());
  fused::with_type_of(x, [&]<class T>(T /*tag*/) {
    const auto kernel = fused::pool_kernel<T>();
    const T* from = fused::elements<T>(x);
    T* to = fused::elements<T>(y);
    auto* kept = places.defined() ? places.data_ptr<std::uint8_t>() : nullptr;
    for_each_row(shape.n, shape.out_h(), [&](std::int64_t image, std::int64_t row) {
      const auto offsets = [&](std::int64_t column) {
        return Offsets(to_pixels(row, shape.h), to_pixels(column, shape.w), shape.w, shape.c);
      };
      const Offsets first = offsets(0);
      const Offsets inner = offsets(std::min<std::int64_t>(1, shape.out_w() - 1));
      const Offsets last = offsets(shape.out_w() - 1);
      const T* pixel = from + (image * shape.h + 2 * row) * shape.w * shape.c;
      std::int64_t out = (image * shape.out_h() + row) * shape.out_w() * shape.c;
      for (std::int64_t column = 0; column < shape.out_w(); ++column) {
        const Offsets& window = column == 0 ? first : column + 1 == shape.out_w() ? last : inner;
        kernel.largest(pixel, window.pixels.data(), window.count, static_cast<std::size_t>(shape.c), to + out,
                       kept == nullptr ? nullptr : kept + out);
        pixel += 2 * shape.c;
        out += shape.c;
      }
    });
  });
  return y;
}

torch::Tensor pool_gradient(const torch::Tensor& gradient, const torch::Tensor& places, const PoolShape& shape) {
  torch::Tensor x_gradient = new_channels_last({shape.n, shape.c, shape.h, shape.w}, gradient.options());
  fused::with_type_of(gradient, [&]<class T>(T /*tag*/) {
    const auto kernel = fused::pool_kernel<T>();
    const T* from = fused::elements<T>(gradient);
    const auto* kept = places.data_ptr<std::uint8_t>();
    T* to = fused::elements<T>(x_gradient);
    for_each_row(shape.n, shape.h, [&](std::int64_t image, std::int64_t row) {
      const auto offsets = [&](std::int64_t column) {
        return Offsets(to_windows(row, shape.out_h()), to_windows(column, shape.out_w()), shape.out_w(), shape.c);
      };
      const Offsets even = offsets(0);
      const Offsets odd = offsets(std::min<std::int64_t>(1, shape.w - 1));
      const Offsets last = offsets(shape.w - 1);
      const std::int64_t windows = (image * shape.out_h() + row / 2) * shape.out_w() * shape.c;
      T* pixel = to + (image * shape.h + row) * shape.w * shape.c;
      for (std::int64_t column = 0; column < shape.w; ++column) {
        const Offsets& above = column + 1 == shape.w ? last : column % 2 == 0 ? even : odd;
        const std::int64_t window = windows + column / 2 * shape.c;
        kernel.gather(from + window, kept + window, above.pixels.data(), above.count, static_cast<std::size_t>(shape.c),
                      pixel);
        pixel += shape.c;
      }
    });
  });
  return x_gradient;
}

/// The same by LibTorch's operators, for gradients of it.
torch::Tensor differentiable_gradient(const torch::Tensor& gradient, const torch::Tensor& places,
                                      const PoolShape& shape) {
  const torch::Tensor place = places.to(torch::kLong);
  const torch::Tensor place_row = place.div(3, "trunc");
  const torch::Tensor row = torch::arange(shape.out_h()).view({1, 1, -1, 1}) * 2 - 1 + place_row;
  const torch::Tensor column = torch::arange(shape.out_w()).view({1, 1, 1, -1}) * 2 - 1 + place - place_row * 3;
  const torch::Tensor index = (row * shape.w + column).flatten(2);
  const torch::Tensor zeros = torch::zeros({shape.n, shape.c, shape.h * shape.w}, gradient.options());
  return zeros.scatter_add(2, index, gradient.flatten(2)).view({shape.n, shape.c, shape.h, shape.w});
}

class MaxPoolFunction : public torch::autograd::Function<MaxPoolFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x) {
    const PoolShape shape(x.sizes());
    torch::Tensor places = new_channels_last({shape.n, shape.c, shape.out_h(), shape.out_w()}, torch::kByte);
    torch::Tensor y = pool(x, places);
    context->save_for_backward({places});
    context->saved_data[kSizes] = x.sizes().vec();
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& output_gradients) {
    const torch::Tensor places = context->get_saved_variables().front();
    const PoolShape shape(context->saved_data[kSizes].toIntVector());
    const torch::Tensor& gradient = output_gradients.front();
    if (torch::GradMode::is_enabled()) return {differentiable_gradient(gradient, places, shape)};
    return {pool_gradient(gradient.contiguous(kChannelsLast), places, shape)};
  }

 private:
  static constexpr const char* kSizes = "sizes";
};

torch::Tensor compute_pool(const torch::Tensor& x) {
  if (!fused::is_fusable(x)) return torch::max_pool2d(x, 3, 2, 1);
  const bool has_graph = torch::GradMode::is_enabled() && x.requires_grad();
  return has_graph ? MaxPoolFunction::apply(x) : pool(x, torch::Tensor());
}

}  // namespace

torch::Tensor max_pool_3x3(const torch::Tensor& x) {
  return fused::recorded<1>("margay::max_pool_3x3", {x}, [&] { return compute_pool(x); });
}

}  // namespace margay::model
