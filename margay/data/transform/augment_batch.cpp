#include "margay/data/transform/augment_batch.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/data/transform/lighting.h"
#include "margay/data/transform/mix.h"
#include "margay/data/transform/warp.h"

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

/// Lights each image in place with its own values, by pointwise operators.
/// images: float [N,3,H,W], 0 … 255, on any device; lighting: one for each.
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

void check_draws(const at::Tensor& items, std::size_t num_draws) {
  if (items.scalar_type() != at::kByte || items.dim() != 4 || items.size(3) != 3) {
    throw std::invalid_argument(fmt::format("[augment_batch] images must be uint8 [N,H,W,3], got {} [{}]",
                                            toString(items.scalar_type()), core::joined(items.sizes(), ",")));
  }
  if (items.size(1) == 0 || items.size(2) == 0) {
    throw std::invalid_argument("[augment_batch] the images have no pixels");
  }
  if (items.size(0) == static_cast<std::int64_t>(num_draws)) return;
  throw std::invalid_argument(
      fmt::format("[augment_batch] one draw for each image: got {} for {}", num_draws, items.size(0)));
}

/// Values on the device, of shape [n,...].
at::Tensor on_device(std::vector<float>& values, at::IntArrayRef shape, const at::Device& device) {
  return at::from_blob(values.data(), shape, at::TensorOptions().dtype(at::kFloat)).clone().to(device);
}

/// item: uint8 [H,W,3], changed in place.
void apply_on_cpu(const std::vector<ImageOp>& ops, at::Tensor item) {
  const at::Tensor cpu = item.cpu().contiguous();
  core::Image image(static_cast<int>(cpu.size(0)), static_cast<int>(cpu.size(1)));
  std::copy_n(cpu.data_ptr<std::uint8_t>(), image.pixels.size(), image.pixels.begin());
  image = apply_all(ops, std::move(image));
  item.copy_(at::from_blob(image.pixels.data(), cpu.sizes(), at::TensorOptions().dtype(at::kByte)));
}

at::Tensor with_image_ops(const at::Tensor& items, std::span<const AugmentDraw> draws) {
  const auto has_ops = [](const AugmentDraw& draw) { return !draw.image_ops.empty(); };
  if (std::none_of(draws.begin(), draws.end(), has_ops)) return items;
  at::Tensor changed = items.clone();
  for (std::size_t i = 0; i < draws.size(); ++i) {
    if (has_ops(draws[i])) apply_on_cpu(draws[i].image_ops, changed.select(0, static_cast<std::int64_t>(i)));
  }
  return changed;
}

/// The images that are averaged alike before they are sampled.
using DrawGroup = std::vector<std::int64_t>;
std::map<std::pair<int, int>, DrawGroup> draw_groups_of(std::span<const AugmentDraw> draws, int size) {
  std::map<std::pair<int, int>, DrawGroup> groups;
  for (std::size_t i = 0; i < draws.size(); ++i) {
    const Shrink shrink = shrink_of(draws[i].matrix, size, size);
    groups[{shrink.y, shrink.x}].push_back(static_cast<std::int64_t>(i));
  }
  return groups;
}

/// box_reduce of whole images, rounding included. float [n,3,H,W] -> float [n,3,ceil(H/y),ceil(W/x)]
at::Tensor reduced(const at::Tensor& items, std::pair<int, int> factors) {
  if (factors == std::pair{1, 1}) return items;
  const std::int64_t factor[] = {factors.first, factors.second};
  return at::avg_pool2d(items, factor, factor, {0, 0}, /*ceil_mode=*/true, /*count_include_pad=*/false)
      .add(0.5)
      .floor();
}

/// The matrix from the indices of output pixels to grid_sample's coordinates, in which an image is [-1,1].
Matrix to_grid(const Matrix& matrix, std::pair<int, int> factors, double height, double width) {
  return translate(-1, -1) * scale(2 / width, 2 / height) * scale(1.0 / factors.second, 1.0 / factors.first) * matrix *
         translate(0.5, 0.5);
}

/// Pointwise operators, not matrix products, whose precision on a GPU is a setting. -> float [n,size,size,2]
at::Tensor grid_of(const std::vector<Matrix>& matrices, int size, const at::Device& device) {
  std::vector<float> entries;
  bool is_affine = true;
  for (const Matrix& matrix : matrices) {
    is_affine = is_affine && matrix.is_affine();
    for (const auto& row : matrix.m)
      std::transform(row.begin(), row.end(), std::back_inserter(entries),
                     [](double e) { return static_cast<float>(e); });
  }
  const at::Tensor m = on_device(entries, {static_cast<std::int64_t>(matrices.size()), 9, 1, 1}, device);
  const at::Tensor steps = at::arange(size, at::TensorOptions().dtype(at::kFloat).device(device));
  const at::Tensor x = steps.view({1, 1, size});
  const at::Tensor y = steps.view({1, size, 1});
  const auto component = [&](std::int64_t row) {
    return m.select(1, 3 * row) * x + m.select(1, 3 * row + 1) * y + m.select(1, 3 * row + 2);
  };
  at::Tensor grid = at::stack({component(0), component(1)}, -1);
  return is_affine ? grid : grid / component(2).unsqueeze(-1);
}

/// grid_sampler's numbers for its two modes.
constexpr std::int64_t kBilinear = 0;
std::int64_t padding_number(PadMode mode) { return mode == PadMode::kZeros ? 0 : (mode == PadMode::kBorder ? 1 : 2); }

/// -> float [n,3,size,size], 0 … 255
at::Tensor sample_group(const at::Tensor& items, std::span<const AugmentDraw> draws, const DrawGroup& group,
                        std::pair<int, int> factors, const AugmentOptions& options) {
  const bool is_all = static_cast<std::int64_t>(group.size()) == items.size(0);
  at::Tensor own = items;
  if (!is_all) {
    const at::Tensor index =
        at::from_blob(const_cast<std::int64_t*>(group.data()), {static_cast<std::int64_t>(group.size())},
                      at::TensorOptions().dtype(at::kLong));
    own = items.index_select(0, index.to(items.device()));
  }
  own = reduced(own.permute({0, 3, 1, 2}).to(at::kFloat), factors);
  std::vector<Matrix> matrices;
  for (const std::int64_t i : group) {
    matrices.push_back(
        to_grid(draws[static_cast<std::size_t>(i)].matrix, factors, double(own.size(2)), double(own.size(3))));
  }
  return at::grid_sampler(own, grid_of(matrices, options.size, own.device()), kBilinear,
                          padding_number(options.pad_mode), /*align_corners=*/false);
}

/// sampled: float [n,3,size,size], the images of the group; images: those of the batch.
void put(const at::Tensor& sampled, const DrawGroup& group, at::Tensor& images) {
  if (sampled.size(0) == images.size(0)) {
    images.copy_(sampled);
    return;
  }
  for (std::size_t i = 0; i < group.size(); ++i) {
    images.select(0, group[i]).copy_(sampled.select(0, static_cast<std::int64_t>(i)));
  }
}

void normalise(at::Tensor& images, const Normalization& normalization) {
  std::vector<float> scale;
  std::vector<float> shift;
  for (std::size_t c = 0; c < 3; ++c) {
    scale.push_back(static_cast<float>(1 / (255 * normalization.std[c])));
    shift.push_back(static_cast<float>(-normalization.mean[c] / normalization.std[c]));
  }
  images.mul_(on_device(scale, {1, 3, 1, 1}, images.device())).add_(on_device(shift, {1, 3, 1, 1}, images.device()));
}

void erase_each(at::Tensor& images, std::span<const AugmentDraw> draws) {
  for (std::size_t i = 0; i < draws.size(); ++i) {
    for (std::size_t k = 0; k < draws[i].erased.size(); ++k) {
      const Region& region = draws[i].erased[k];
      std::vector<float> noise = erasing_noise(region, draws[i].noise_key, k);
      if (noise.empty()) continue;
      const at::Tensor values =
          on_device(noise, {region.bottom - region.top, region.right - region.left, 3}, images.device());
      images.select(0, static_cast<std::int64_t>(i))
          .slice(1, region.top, region.bottom)
          .slice(2, region.left, region.right)
          .copy_(values.permute({2, 0, 1}));
    }
  }
}

}  // namespace

at::Tensor augment_batch(const at::Tensor& items, std::span<const AugmentDraw> draws, const AugmentOptions& options,
                         const Normalization& normalization) {
  check_draws(items, draws.size());
  const at::Tensor source = with_image_ops(items, draws);
  at::Tensor images =
      at::empty({items.size(0), 3, options.size, options.size},
                at::TensorOptions().dtype(at::kFloat).device(items.device()), at::MemoryFormat::ChannelsLast);
  for (const auto& [factors, group] : draw_groups_of(draws, options.size)) {
    const at::Tensor sampled = sample_group(source, draws, group, factors, options);
    put(sampled, group, images);
  }
  std::vector<Lighting> lighting;
  for (const AugmentDraw& draw : draws) lighting.push_back(draw.lighting);
  light(images, lighting);
  normalise(images, normalization);
  erase_each(images, draws);
  return images;
}

}  // namespace margay::data
