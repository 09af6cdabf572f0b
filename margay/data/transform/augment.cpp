#include "margay/data/transform/augment.h"

#include <cmath>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/data/transform/mix.h"
#include "margay/data/transform/resize.h"

namespace margay::data {
namespace {

Matrix matrix_of(const Crop& crop, int size) {
  return translate(crop.left, crop.top) *
         scale(static_cast<double>(crop.width) / size, static_cast<double>(crop.height) / size);
}

/// With probability p a number from [low, high), else `neutral`.
double uniform_or(double neutral, double p, double low, double high, core::Random& random) {
  return random.chance(p) ? random.uniform(low, high) : neutral;
}

/// A factor whose logarithm is uniform between those of 1 - most and 1 / (1 - most).
double factor_or_one(double p, double most, core::Random& random) {
  return std::exp(uniform_or(0, p, std::log(1 - most), -std::log(1 - most), random));
}

Matrix draw_flip(const AugmentOptions& options, core::Random& random) {
  if (!options.do_flip || !random.chance(0.5)) return identity_matrix();
  return frame_dihedral(options.flip_vert ? static_cast<int>(random.below(8)) : 1);
}

struct Tilts {
  double x;
  double y;
};

/// fastai draws the two apart: each is there with probability p_affine.
Tilts draw_tilts(const AugmentOptions& options, core::Random& random) {
  const double most = options.mult * options.max_warp;
  const double x = uniform_or(0, options.p_affine, -most, most, random);
  return {x, uniform_or(0, options.p_affine, -most, most, random)};
}

Matrix draw_rotation(const AugmentOptions& options, core::Random& random) {
  const double most = options.mult * options.max_rotate;
  return frame_rotate(uniform_or(0, options.p_affine, -most, most, random));
}

Matrix draw_zoom(const AugmentOptions& options, core::Random& random) {
  const double factor = uniform_or(1, options.p_affine, options.min_zoom, options.max_zoom, random);
  const double at_x = random.uniform();
  return frame_zoom(factor, at_x, random.uniform());
}

Lighting draw_lighting(const AugmentOptions& options, core::Random& random) {
  const double most = options.mult * options.max_lighting;
  const double p = options.p_lighting;
  Lighting lighting;
  lighting.brightness = uniform_or(0.5, p, 0.5 * (1 - most), 0.5 * (1 + most), random);
  lighting.contrast = factor_or_one(p, most, random);
  lighting.saturation = factor_or_one(p, options.max_saturation, random);
  lighting.hue = factor_or_one(p, options.max_hue, random) - 1;  // fastai adds the factor; a whole turn is nothing
  return lighting;
}

/// Crop first, then the maps of the frame, which is the rectangle `frame` of the item. Undoes tilts that go too far.
Matrix compose(const Matrix& crop, const Crop& frame, const Matrix& maps, Tilts tilts, int size) {
  constexpr double kLeastDepth = 0.05;
  const Matrix to_frame = pixels_to_frame(frame.left, frame.top, frame.width, frame.height);
  const Matrix to_pixels = frame_to_pixels(frame.left, frame.top, frame.width, frame.height);
  for (;; tilts = {tilts.x / 2, tilts.y / 2}) {
    const Matrix matrix = to_pixels * frame_perspective(tilts.x, tilts.y) * maps * to_frame * crop;
    if (matrix.is_affine() || least_depth(matrix, size, size) > kLeastDepth) return matrix;
  }
}

void check_order(const char* what, double low, double high) {
  if (low <= high) return;
  throw std::invalid_argument(
      fmt::format("[augment] min_{0} must not exceed max_{0}, got {1} and {2}", what, low, high));
}

void check_product(const char* what, double product, double most) {
  if (product <= most) return;
  throw std::invalid_argument(fmt::format("[augment] mult * {} must not exceed {}, got {}", what, most, product));
}

}  // namespace

Augment::Augment(AugmentOptions options) : options_(options) {
  core::validate(options_);
  check_order("scale", options_.min_scale, options_.max_scale);
  check_order("ratio", options_.min_ratio, options_.max_ratio);
  check_order("zoom", options_.min_zoom, options_.max_zoom);
  check_product("max_lighting", options_.mult * options_.max_lighting, 0.95);
  check_product("max_warp", options_.mult * options_.max_warp, 0.5);
  if (options_.erase.sl > options_.erase.sh) {
    throw std::invalid_argument(
        fmt::format("[erase] sl must not exceed sh, got {} and {}", options_.erase.sl, options_.erase.sh));
  }
}

AugmentDraw Augment::draw(int height, int width, Phase phase, core::Random& random) const {
  if (height <= 0 || width <= 0) throw std::invalid_argument("[augment] the image has no pixels");
  const AugmentOptions& o = options_;
  const Crop square = centre_crop(height, width, 1, 1);
  AugmentDraw draw;
  draw.matrix = matrix_of(square, o.size);
  if (phase == Phase::kValid) return draw;

  const bool is_random = o.min_scale < 1;
  const Crop crop =
      is_random ? random_crop(height, width, {o.min_scale, o.max_scale, o.min_ratio, o.max_ratio}, random) : square;
  const Crop frame = is_random ? Crop{0, 0, width, height} : square;
  const Matrix flip = draw_flip(o, random);
  const Tilts tilts = draw_tilts(o, random);
  const Matrix rotation = draw_rotation(o, random);
  const Matrix zoom = draw_zoom(o, random);
  const Lighting lighting = draw_lighting(o, random);
  if (random.chance(o.erase.p_erase)) {
    draw.noise_key = random.next();
    draw.erased = draw_erased(o.erase, o.size, random);
  }
  if (o.policy.policy == Policy::kNone) {
    draw.lighting = lighting;
    const Matrix maps = frame_for_aspect(flip * rotation * zoom, frame.height, frame.width);
    draw.matrix = compose(matrix_of(crop, o.size), frame, maps, tilts, o.size);
  } else {
    PolicyDraw policy = draw_policy(o.policy, o.size, random);
    draw.image_ops = std::move(policy.image_ops);
    const Matrix maps = frame_for_aspect(flip, frame.height, frame.width);
    draw.matrix = compose(matrix_of(crop, o.size), frame, maps, {0, 0}, o.size) * policy.matrix;
  }
  return draw;
}

void Augment::apply(const core::Image& image, const AugmentDraw& draw, const Normalization& normalization,
                    float* out) const {
  const auto warp_it = [&](const core::Image& source) {
    warp_normalised(source, draw.matrix, normalization, options_.size, options_.size, out, options_.pad_mode,
                    draw.lighting);
  };
  draw.image_ops.empty() ? warp_it(image) : warp_it(apply_all(draw.image_ops, image));
  erase(draw.erased, draw.noise_key, options_.size, out);
}

Augment augment(AugmentOptions options) { return Augment(options); }

const core::OptionTable& Normalization::fields() {
  static const core::OptionTable table(
      "normalization",
      {core::field<&Normalization::mean>("mean", "mean of each channel, 0 to 1: red,green,blue"),
       core::field<&Normalization::std>("std", "standard deviation of each channel, 0 to 1: red,green,blue")});
  return table;
}

const core::OptionTable& PolicyOptions::fields() {
  static const core::OptionTable table(
      "policy",
      {core::field<&PolicyOptions::policy>(
           "policy", "instead of rotation, zoom, perspective and lighting: none, rand_augment or trivial_augment"),
       core::field<&PolicyOptions::num_ops>("num_ops", "operations of rand_augment per image", {0, 16}),
       core::field<&PolicyOptions::magnitude>("magnitude", "strength of rand_augment", {0, 30})});
  return table;
}

const core::OptionTable& EraseOptions::fields() {
  static const core::OptionTable table(
      "erase",
      {core::field<&EraseOptions::p_erase>("p_erase", "probability of erasing a part of an image", {0, 1}),
       core::field<&EraseOptions::sl>("sl", "share of the area that is erased at least", {0, 1}),
       core::field<&EraseOptions::sh>("sh", "share of the area that is erased at most", {0, 1}),
       core::field<&EraseOptions::min_aspect>("min_aspect", "height / width of an erased part at least", {0.01, 1}),
       core::field<&EraseOptions::max_count>("max_count", "erased parts of an image at most", {1, 100})});
  return table;
}

const core::OptionTable& AugmentOptions::fields() {
  using A = AugmentOptions;
  static const core::OptionTable table(
      "augment", {core::field<&A::size>("size", "side of the network's input, pixels", {8, 8192}),
                  core::field<&A::min_scale>(
                      "min_scale", "share of the area that a random crop keeps at least; 1: no random crop", {0.01, 1}),
                  core::field<&A::max_scale>("max_scale", "share of the area that it keeps at most", {0.01, 1}),
                  core::field<&A::min_ratio>("min_ratio", "width / height of a random crop at least", {0.1, 10}),
                  core::field<&A::max_ratio>("max_ratio", "width / height of a random crop at most", {0.1, 10}),
                  core::field<&A::mult>("mult", "multiplies max_rotate, max_lighting and max_warp", {0, 4}),
                  core::field<&A::do_flip>("do_flip", "mirror left and right half of the time"),
                  core::field<&A::flip_vert>("flip_vert", "with do_flip: the eight symmetries of the square"),
                  core::field<&A::max_rotate>("max_rotate", "degrees to either side at most", {0, 180}),
                  core::field<&A::min_zoom>("min_zoom", "enlargement at least", {0.1, 10}),
                  core::field<&A::max_zoom>("max_zoom", "enlargement at most", {0.1, 10}),
                  core::field<&A::max_lighting>("max_lighting", "change of brightness and contrast at most", {0, 0.95}),
                  core::field<&A::max_warp>("max_warp", "tilt of the view at most", {0, 0.5}),
                  core::field<&A::p_affine>("p_affine", "probability of each of rotation, zoom and tilts", {0, 1}),
                  core::field<&A::p_lighting>("p_lighting", "probability of each change of lighting", {0, 1}),
                  core::field<&A::pad_mode>("pad_mode", "outside the image: zeros, border or reflection"),
                  core::field<&A::max_saturation>("max_saturation", "change of saturation at most", {0, 0.95}),
                  core::field<&A::max_hue>("max_hue", "turn of the hue at most; fastai's Hue has 0.1", {0, 0.5}),
                  core::field<&A::erase>("erase", "noise over a part of the image"),
                  core::field<&A::policy>("policy", "published lists of operations")});
  return table;
}

}  // namespace margay::data
