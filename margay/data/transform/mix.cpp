#include "margay/data/transform/mix.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <stdexcept>

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/lerp.h>
#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::data {
namespace {

/// In (0, 1]: its logarithm is finite.
double positive_uniform(core::Random& random) { return 1 - random.uniform(); }

double draw_normal(core::Random& random) {
  const double radius = std::sqrt(-2 * std::log(positive_uniform(random)));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

/// The logarithm of a gamma variable: for small shapes the variable itself underflows.
double draw_log_gamma(double shape, core::Random& random) {
  if (shape < 1) return draw_log_gamma(shape + 1, random) + std::log(positive_uniform(random)) / shape;
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = draw_normal(random);
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(positive_uniform(random)) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

}  // namespace

double draw_gamma(double shape, core::Random& random) { return std::exp(draw_log_gamma(shape, random)); }

double draw_beta(double a, double b, core::Random& random) {
  const double first = draw_log_gamma(a, random);
  return 1 / (1 + std::exp(draw_log_gamma(b, random) - first));
}

namespace {

void check_mix(const at::Tensor& images, const at::Tensor& targets) {
  if (!images.is_floating_point() || images.dim() != 4) {
    throw std::invalid_argument(fmt::format("[mix] images must be float [N,C,H,W], got {} [{}]",
                                            toString(images.scalar_type()), core::joined(images.sizes(), ",")));
  }
  if (!targets.is_floating_point() || targets.dim() != 2 || targets.size(0) != images.size(0)) {
    throw std::invalid_argument(
        fmt::format("[mix] targets must be float [{},K], one row for each image, got {} [{}]; one-hot encode them",
                    images.size(0), toString(targets.scalar_type()), core::joined(targets.sizes(), ",")));
  }
}

at::Tensor partners(std::int64_t count, core::Random& random, const at::Device& device) {
  const std::vector<std::size_t> order = permutation(static_cast<std::size_t>(count), core::Random{random.next()});
  std::vector<std::int64_t> indices(order.begin(), order.end());
  return at::from_blob(indices.data(), {count}, at::TensorOptions().dtype(at::kLong)).clone().to(device);
}

Mixed mixup(const at::Tensor& images, const at::Tensor& targets, double alpha, core::Random& random) {
  std::vector<float> shares;
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    const double share = draw_beta(alpha, alpha, random);
    shares.push_back(static_cast<float>(std::max(share, 1 - share)));
  }
  const at::Tensor share =
      at::from_blob(shares.data(), {images.size(0)}, at::TensorOptions().dtype(at::kFloat)).clone();
  const at::Tensor other = partners(images.size(0), random, images.device());
  const auto blend = [&](const at::Tensor& own, at::IntArrayRef shape) {
    return at::lerp(own.index_select(0, other), own, share.to(own.options()).view(shape));
  };
  return {blend(images, {-1, 1, 1, 1}).contiguous(images.suggest_memory_format()), blend(targets, {-1, 1})};
}

/// A box of height and width sqrt(1 - share) of the image's, cut off at its edges.
Region draw_box(int height, int width, double share, core::Random& random) {
  const double side = std::sqrt(1 - share);
  const int box_height = static_cast<int>(std::nearbyint(height * side));
  const int box_width = static_cast<int>(std::nearbyint(width * side));
  const int x = static_cast<int>(random.below(static_cast<std::uint64_t>(width)));
  const int y = static_cast<int>(random.below(static_cast<std::uint64_t>(height)));
  return {std::max(x - box_width / 2, 0), std::max(y - box_height / 2, 0), std::min(x + box_width / 2, width),
          std::min(y + box_height / 2, height)};
}

Mixed cutmix(const at::Tensor& images, const at::Tensor& targets, double alpha, core::Random& random) {
  const auto height = static_cast<int>(images.size(2));
  const auto width = static_cast<int>(images.size(3));
  const Region box = draw_box(height, width, draw_beta(alpha, alpha, random), random);
  const double pasted = double(box.right - box.left) * (box.bottom - box.top) / (double(height) * width);
  const at::Tensor other = partners(images.size(0), random, images.device());
  const auto part = [&](const at::Tensor& tensor) {
    return tensor.slice(2, box.top, box.bottom).slice(3, box.left, box.right);
  };
  at::Tensor mixed = images.clone(images.suggest_memory_format());
  part(mixed).copy_(part(images).index_select(0, other));
  return {mixed, at::lerp(targets, targets.index_select(0, other), pasted)};
}

}  // namespace

Mixed mix(const at::Tensor& images, const at::Tensor& targets, const MixOptions& options, core::Random random) {
  core::validate(options);
  check_mix(images, targets);
  const bool is_empty = images.numel() == 0;
  if (options.method == MixMethod::kNone || is_empty) return {images, targets};
  const bool is_mixup =
      options.method == MixMethod::kMixup || (options.method == MixMethod::kBoth && random.chance(0.5));
  return is_mixup ? mixup(images, targets, options.mixup_alpha, random)
                  : cutmix(images, targets, options.cutmix_alpha, random);
}

const core::OptionTable& MixOptions::fields() {
  static const core::OptionTable table(
      "mix",
      {core::field<&MixOptions::method>("mix", "mixes images and targets of a batch: none, mixup, cutmix or both"),
       core::field<&MixOptions::mixup_alpha>("mixup_alpha", "mixup: strength", {0.01, 100}),
       core::field<&MixOptions::cutmix_alpha>("cutmix_alpha", "cutmix: spread of the box's size", {0.01, 100})});
  return table;
}

namespace {

struct Interval {
  int begin;
  int end;
};

/// An interval of about √area pixels anywhere within 0 … size.
Interval draw_interval(double area, int size, core::Random& random) {
  const int length = static_cast<int>(std::nearbyint(std::sqrt(area)));  // ties to even, as Python rounds
  const auto places = static_cast<std::uint64_t>(std::max(size - length, 0)) + 1;
  const int begin = static_cast<int>(random.below(places));
  return {begin, std::min(begin + length, size)};
}

Region draw_region(const EraseOptions& options, int size, double share_of, core::Random& random) {
  const double area = random.uniform(options.sl, options.sh) * share_of;
  const double limit = std::log(options.min_aspect);
  const double aspect = std::exp(random.uniform(limit, -limit));
  const Interval rows = draw_interval(area * aspect, size, random);
  const Interval columns = draw_interval(area / aspect, size, random);
  return {columns.begin, rows.begin, columns.end, rows.end};
}

}  // namespace

std::vector<Region> draw_erased(const EraseOptions& options, int size, core::Random& random) {
  const std::uint64_t count = 1 + random.below(static_cast<std::uint64_t>(options.max_count));
  std::vector<Region> regions(count);
  for (Region& region : regions) region = draw_region(options, size, double(size) * size / double(count), random);
  return regions;
}

std::vector<float> erasing_noise(const Region& region, std::uint64_t noise_key, std::size_t index) {
  core::Random random{noise_key, index};
  std::vector<float> noise(std::size_t{3} * static_cast<std::size_t>(region.bottom - region.top) *
                           static_cast<std::size_t>(region.right - region.left));
  for (std::size_t i = 0; i < noise.size(); i += 2) {  // Box, Muller, 1958: two normal numbers of two uniform ones
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
    const double angle = 2 * std::numbers::pi * random.uniform();
    noise[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < noise.size()) noise[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
  return noise;
}

void erase(std::span<const Region> regions, std::uint64_t noise_key, int size, float* out) {
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const Region& region = regions[i];
    const std::vector<float> noise = erasing_noise(region, noise_key, i);
    const std::ptrdiff_t row = std::ptrdiff_t{3} * (region.right - region.left);
    for (int y = region.top; y < region.bottom; ++y) {
      std::copy_n(noise.data() + (y - region.top) * row, row,
                  out + std::ptrdiff_t{3} * (std::ptrdiff_t{y} * size + region.left));
    }
  }
}

}  // namespace margay::data
