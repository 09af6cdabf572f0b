#include "margay/data/transform/tensor_lighting.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

namespace margay::data {
namespace {

/// One number of each image: float [N,1,1,1].
template <class Value>
at::Tensor each(std::span<const Lighting> lighting, const at::Device& device, Value&& value) {
  std::vector<float> values;
  for (const Lighting& one : lighting) values.push_back(static_cast<float>(value(one)));
  const auto count = static_cast<std::int64_t>(values.size());
  return at::from_blob(values.data(), {count, 1, 1, 1}, at::TensorOptions().dtype(at::kFloat)).clone().to(device);
}

/// images: float [N,3,H,W], 0 … 1; sixths: float [N,1,1,1]. The formula is that of lighting_kernel-inl.h.
at::Tensor hue_turned(const at::Tensor& images, const at::Tensor& sixths) {
  const at::Tensor value = images.amax({1});
  const at::Tensor chroma = value - images.amin({1});
  const at::Tensor inverse = at::where(chroma == 0, at::zeros_like(chroma), 1 / chroma);
  const at::Tensor red = images.select(1, 0);
  const at::Tensor green = images.select(1, 1);
  const at::Tensor blue = images.select(1, 2);
  at::Tensor hue = at::where(value == green, (blue - red) * inverse + 2, (red - green) * inverse + 4);
  hue = at::where(value == red, (green - blue) * inverse, hue) + sixths.squeeze(1);
  const auto channel = [&](double n) {
    at::Tensor k = hue + n;
    k = k - (k / 6).floor() * 6;
    return value - chroma * at::minimum(k, 4 - k).clamp(0, 1);
  };
  return at::stack({channel(5), channel(3), channel(1)}, 1);
}

template <class Predicate>
bool any(std::span<const Lighting> lighting, Predicate&& predicate) {
  return std::any_of(lighting.begin(), lighting.end(), predicate);
}

}  // namespace

void light(at::Tensor& images, std::span<const Lighting> lighting) {
  if (!any(lighting, [](const Lighting& one) { return !one.is_neutral(); })) return;
  const auto of = [&](auto&& value) { return each(lighting, images.device(), value); };
  at::Tensor x = (images / 255).clamp(1e-7, 1 - 0x1p-23);
  x = (x / (1 - x)).log();
  x = (x + of([](const Lighting& l) { return std::log(l.brightness / (1 - l.brightness)); })) *
      of([](const Lighting& l) { return l.contrast; });
  if (any(lighting, [](const Lighting& one) { return one.saturation != 1; })) {
    const at::Tensor grey =
        x.select(1, 0) * kGreyWeights[0] + x.select(1, 1) * kGreyWeights[1] + x.select(1, 2) * kGreyWeights[2];
    const at::Tensor own = of([](const Lighting& l) { return l.saturation; });
    x = x * own + grey.unsqueeze(1) * (1 - own);
  }
  x = x.sigmoid();
  if (any(lighting, [](const Lighting& one) { return one.hue != 0; })) {
    x = hue_turned(x, of([](const Lighting& l) { return 6 * l.hue; }));
  }
  images.copy_(x.mul_(255));
}

}  // namespace margay::data
