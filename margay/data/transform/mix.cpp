#include "margay/data/transform/mix.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/lerp.h>
#include <fmt/format.h>

#include "margay/data/transform/beta.h"
#include "margay/data/transform/box_reduce.h"

namespace margay::data {
namespace {

void check_mix(const at::Tensor& images, const at::Tensor& targets) {
  if (!images.is_floating_point() || images.dim() != 4) {
    throw std::invalid_argument(fmt::format("[mix] images must be float [N,C,H,W], got {} [{}]",
                                            toString(images.scalar_type()), fmt::join(images.sizes(), ",")));
  }
  if (!targets.is_floating_point() || targets.dim() != 2 || targets.size(0) != images.size(0)) {
    throw std::invalid_argument(
        fmt::format("[mix] targets must be float [{},K], one row for each image, got {} [{}]; one-hot encode them",
                    images.size(0), toString(targets.scalar_type()), fmt::join(targets.sizes(), ",")));
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

}  // namespace margay::data
