#include "margay/train/probe/ridge.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <torch/torch.h>

#include "margay/core/error.h"

namespace margay::train {

RidgeRows RidgeRows::of(const torch::Tensor& rows) {
  if (rows.dim() != 2) throw std::invalid_argument("[ridge] features must be [N,D]");
  return {.images = rows.size(0), .features = rows.size(1), .read = [rows](std::span<const std::int64_t> positions) {
            const auto count = static_cast<std::int64_t>(positions.size());
            const bool is_run = count > 0 && positions.back() - positions.front() == count - 1 &&
                                std::is_sorted(positions.begin(), positions.end());
            if (is_run) return rows.narrow(0, positions.front(), count);
            return rows.index_select(0, torch::tensor(torch::ArrayRef(positions.data(), positions.size())));
          }};
}

namespace {

torch::Tensor index_of(std::span<const std::int64_t> positions) {
  return torch::tensor(torch::ArrayRef(positions.data(), positions.size()), torch::kLong);
}

[[noreturn]] void refuse_ridge(const std::string& problem) { throw std::invalid_argument("[ridge] " + problem); }

/// float64 [n,D]. Throws std::invalid_argument for a row that is not finite.
torch::Tensor finite_rows(const RidgeRows& rows, std::span<const std::int64_t> positions) {
  const torch::Tensor read = rows.read(positions).to(torch::kDouble);
  if (read.sum().isfinite().item<bool>()) return read;
  const torch::Tensor is_finite = read.isfinite().all(1);
  if (is_finite.all().item<bool>()) return read;  // the sum alone is beyond the range
  const auto bad = is_finite.to(torch::kInt).argmin().item<std::int64_t>();
  refuse_ridge(fmt::format("the features of image {} are not finite", positions[static_cast<std::size_t>(bad)]));
}

}  // namespace

/// One-hot rows, or the targets themselves.
class Ridge::Targets {
 public:
  Targets(torch::Tensor targets, std::int64_t num_classes) : targets_(std::move(targets)) {
    is_classes_ = targets_.dim() == 1 && targets_.scalar_type() == torch::kLong;
    if (!is_classes_ && (targets_.dim() != 2 || !targets_.is_floating_point())) {
      refuse_ridge("targets must be floating [N,K] or int64 [N]");
    }
    columns_ = is_classes_ ? num_classes : targets_.size(1);
    if (columns_ < 1) refuse_ridge("there must be a target");
    if (!is_classes_ && !targets_.isfinite().all().item<bool>()) refuse_ridge("targets must be finite");
    if (is_classes_ && targets_.numel() > 0 &&
        (targets_.min().item<std::int64_t>() < 0 || targets_.max().item<std::int64_t>() >= num_classes)) {
      refuse_ridge(fmt::format("classes must lie in 0 … {}", num_classes - 1));
    }
  }

  std::int64_t size() const { return targets_.size(0); }
  std::int64_t columns() const { return columns_; }
  Targets column(std::int64_t k) const {
    const torch::Tensor one = is_classes_ ? (targets_ == k).to(torch::kDouble).unsqueeze(1) : targets_.narrow(1, k, 1);
    return {one, 1};
  }
  /// float64 [n,K]
  torch::Tensor read(const torch::Tensor& index) const {
    const torch::Tensor some = targets_.index_select(0, index);
    if (!is_classes_) return some.to(torch::kDouble);
    return torch::zeros({some.size(0), columns_}, torch::kDouble).scatter_(1, some.unsqueeze(1), 1);
  }

 private:
  torch::Tensor targets_;
  bool is_classes_ = false;
  std::int64_t columns_ = 0;
};

/// Whole groups of one size, one after the other.
struct Ridge::Chunk {
  std::vector<std::int64_t> positions;
  std::int64_t group_size = 1;  // m
};

/// Everything is expressed by z = (x - mean) V, the features along the eigenvectors, whichever matrix was decomposed. A
/// fit of strength l is mean_y + z · C / (s + l), and element i, j of its hat matrix is w_j u_i · u_j with
/// u = (1 / √W, z / √(s + l)).
class Ridge::Fit {
 public:
  Fit(RidgeRows rows, Targets targets, torch::Tensor weights, std::int64_t chunk)
      : rows_(std::move(rows)), targets_(std::move(targets)), weights_(std::move(weights)), chunk_(chunk) {
    total_ = weights_.sum().item<double>();
    used_ = weights_.nonzero().squeeze(1);
    measure_means();
    if (used_.size(0) > rows_.features) {
      decompose_gram();
    } else {
      decompose_kernel();
    }
  }

  LinearMap solve(double strength) const {
    const torch::Tensor along = moments_ / (values_ + strength).unsqueeze(1);  // [d,K]
    torch::Tensor weight;
    if (is_kernel()) {  // V = Xcᵀ √w U / √s, so that V C = Xcᵀ √w U (Uᵀ √w Y)
      const torch::Tensor dual = vectors_.matmul(along / values_.clamp_min(tiny()).sqrt().unsqueeze(1));  // [n,K]
      weight = dual.t().matmul(weighted_rows());
    } else {
      weight = vectors_.matmul(along).t();
    }
    return {.weight = weight.contiguous(), .bias = target_mean_ - weight.mv(mean_)};
  }

  /// A chunk of images, of which each strength gives other outputs.
  struct Images {
    torch::Tensor z;        // [n,d]
    torch::Tensor squares;  // of z, for single images
    torch::Tensor targets;  // [n,K]
    torch::Tensor weights;  // [n]
    std::int64_t group_size = 1;
  };

  Images images(const Chunk& chunk) const {
    const torch::Tensor index = index_of(chunk.positions);
    Images images{
        .z = is_kernel() ? z_.index_select(0, index) : (finite_rows(rows_, chunk.positions) - mean_).matmul(vectors_),
        .squares = {},
        .targets = targets_.read(index),
        .weights = weights_.index_select(0, index),
        .group_size = chunk.group_size};
    if (chunk.group_size == 1) images.squares = images.z.square();
    return images;
  }

  /// [n,K]
  torch::Tensor left_out(const Images& images, double strength) const {
    const torch::Tensor shrunk = values_ + strength;
    const torch::Tensor residuals = images.targets - target_mean_ - images.z.matmul(moments_ / shrunk.unsqueeze(1));
    const torch::Tensor without =
        images.group_size == 1 ? single(images, residuals, strength) : grouped(images, residuals, shrunk);
    if (without.sum().isfinite().item<bool>()) return images.targets - without;
    throw core::Error(
        fmt::format("outputs for left-out images are not finite at strength {:g}, which is too small for "
                    "these features",
                    strength));
  }

 private:
  bool is_kernel() const { return z_.defined(); }
  double tiny() const { return std::numeric_limits<double>::min(); }

  template <class Use>
  void for_each_chunk(const Use& use) const {
    const auto* const begin = used_.data_ptr<std::int64_t>();
    const auto count = static_cast<std::size_t>(used_.size(0));
    for (std::size_t at = 0; at < count; at += static_cast<std::size_t>(chunk_)) {
      const std::span some(begin + at, std::min(static_cast<std::size_t>(chunk_), count - at));
      const torch::Tensor index = index_of(some);
      use(finite_rows(rows_, some), index, weights_.index_select(0, index));
    }
  }

  /// Sums are those of the distances from the first chunk's mean: a large mean would take digits from the rest.
  void measure_means() {
    torch::Tensor sum = torch::zeros({rows_.features}, torch::kDouble);
    torch::Tensor target_sum = torch::zeros({targets_.columns()}, torch::kDouble);
    const bool wants_gram = used_.size(0) > rows_.features;
    for_each_chunk([&](const torch::Tensor& rows, const torch::Tensor& index, const torch::Tensor& weights) {
      if (!shift_.defined()) shift_ = rows.mean(0);
      const torch::Tensor moved = rows - shift_;
      const torch::Tensor weighted = moved * weights.unsqueeze(1);
      const torch::Tensor targets = targets_.read(index);
      sum += weighted.sum(0);
      target_sum += weights.unsqueeze(0).matmul(targets).squeeze(0);
      if (!wants_gram) return;
      gram_ = gram_.defined() ? gram_.addmm_(moved.t(), weighted) : moved.t().matmul(weighted);
      moments_ = moments_.defined() ? moments_.addmm_(weighted.t(), targets) : weighted.t().matmul(targets);
    });
    const torch::Tensor moved_mean = sum / total_;
    mean_ = shift_ + moved_mean;
    target_mean_ = target_sum / total_;
    if (!wants_gram) return;
    gram_ -= torch::outer(moved_mean, moved_mean) * total_;
    moments_ -= torch::outer(moved_mean, target_sum);
  }

  void decompose_gram() {
    const auto [values, vectors] = torch::linalg_eigh((gram_ + gram_.t()) / 2);
    values_ = values.clamp_min(0);
    vectors_ = vectors;
    moments_ = vectors.t().matmul(moments_);
    gram_ = torch::Tensor();
  }

  /// √w (x - mean) of the images that have weight.
  torch::Tensor weighted_rows() const {
    std::vector<torch::Tensor> parts;
    for_each_chunk([&](const torch::Tensor& rows, const torch::Tensor& /*index*/, const torch::Tensor& weights) {
      parts.push_back((rows - mean_) * weights.sqrt().unsqueeze(1));
    });
    return torch::cat(parts);
  }

  /// With √w Xc = U √s Vᵀ: z of image i is the i-th row of U √s / √w, without a division by what may be 0.
  void decompose_kernel() {
    const torch::Tensor rows = weighted_rows();
    const auto [values, vectors] = torch::linalg_eigh(rows.matmul(rows.t()));
    values_ = values.clamp_min(0);
    vectors_ = vectors;
    const torch::Tensor roots = weights_.index_select(0, used_).sqrt().unsqueeze(1);
    const torch::Tensor targets = targets_.read(used_) - target_mean_;
    const torch::Tensor along = vectors * values_.sqrt();
    moments_ = along.t().matmul(targets * roots);
    z_ = torch::zeros({rows_.images, values_.size(0)}, torch::kDouble);
    z_.index_copy_(0, used_, along / roots);
    place_unused(rows);
  }

  /// Images without weight are no part of the kernel matrix; directions without images have no length.
  void place_unused(const torch::Tensor& rows) {
    const torch::Tensor unused = (weights_ == 0).nonzero().squeeze(1);
    if (unused.size(0) == 0) return;
    const double least =
        values_.max().item<double>() * static_cast<double>(values_.size(0)) * std::numeric_limits<double>::epsilon();
    const torch::Tensor inverse =
        torch::where(values_ > least, 1 / values_.clamp_min(tiny()).sqrt(), torch::zeros({}, torch::kDouble));
    const std::span positions(unused.data_ptr<std::int64_t>(), static_cast<std::size_t>(unused.size(0)));
    const torch::Tensor moved = finite_rows(rows_, positions) - mean_;
    z_.index_copy_(0, unused, moved.matmul(rows.t()).matmul(vectors_ * inverse));
  }

  /// r / (1 - h). Rounding may take 1 - h below what it can be: without image i the variance of the fit there, w v, is
  /// at most w / (W - w) + w |x - mean_i|² / l, where mean_i is the mean without i, and 1 - h = 1 / (1 + w v).
  torch::Tensor single(const Images& images, const torch::Tensor& residuals, double strength) const {
    const torch::Tensor leverage = images.weights * (images.squares.mv(1 / (values_ + strength)) + 1 / total_);
    const torch::Tensor others = total_ - images.weights;
    const torch::Tensor distance = images.squares.sum(1) * (total_ / others).square();
    const torch::Tensor least = 1 / (1 + images.weights / others + images.weights * distance / strength);
    return residuals / torch::maximum(1 - leverage, least).unsqueeze(1);
  }

  /// With U the rows u of a group and T = √w U: (I - H)⁻¹ r = r + U Tᵀ (I - T Tᵀ)⁻¹ √w r, and by the identity of
  /// Woodbury (1950) also r + U (I - Tᵀ T)⁻¹ Tᵀ √w r, which is the smaller system where a group has more images than
  /// directions.
  torch::Tensor grouped(const Images& images, const torch::Tensor& residuals, const torch::Tensor& shrunk) const {
    const std::int64_t m = images.group_size;
    const torch::Tensor constant = torch::full({images.z.size(0), 1}, 1 / std::sqrt(total_), torch::kDouble);
    const torch::Tensor u = torch::cat({constant, images.z / shrunk.sqrt()}, 1);
    const std::int64_t d = u.size(1);
    const torch::Tensor roots = images.weights.sqrt().unsqueeze(1);
    const torch::Tensor t = (u * roots).view({-1, m, d});
    const torch::Tensor weighted = (residuals * roots).view({-1, m, residuals.size(1)});
    const torch::Tensor step =
        m <= d ? t.mT().matmul(solved(t.matmul(t.mT()), weighted)) : solved(t.mT().matmul(t), t.mT().matmul(weighted));
    return residuals + u.view({-1, m, d}).matmul(step).reshape(residuals.sizes());
  }

  /// (I - matrix)⁻¹ right, for each of a batch.
  static torch::Tensor solved(const torch::Tensor& matrix, const torch::Tensor& right) {
    return torch::linalg_solve(torch::eye(matrix.size(-1), torch::kDouble) - matrix, right);
  }

  RidgeRows rows_;
  Targets targets_;
  torch::Tensor weights_;  // [N]
  std::int64_t chunk_;
  double total_ = 0;           // W
  torch::Tensor used_;         // int64, positions of the images that have weight
  torch::Tensor shift_;        // [D]
  torch::Tensor mean_;         // [D]
  torch::Tensor target_mean_;  // [K]
  torch::Tensor gram_;         // [D,D], until it is decomposed
  torch::Tensor values_;       // [d], s
  torch::Tensor vectors_;      // [D,d], V; of the kernel matrix [n,n], U
  torch::Tensor moments_;      // [d,K], C
  torch::Tensor z_;            // [N,n], of the kernel matrix alone
};

namespace {

/// [N] or [N,K], float64.
torch::Tensor checked_weights(const torch::Tensor& weights, std::int64_t images, std::int64_t columns) {
  if (!weights.defined()) return torch::ones({images}, torch::kDouble);
  const bool fits = weights.dim() >= 1 && weights.dim() <= 2 && weights.size(0) == images &&
                    (weights.dim() == 1 || weights.size(1) == columns);
  if (!fits) refuse_ridge(fmt::format("weights must be [N] or [N,K] for {} images and {} targets", images, columns));
  const torch::Tensor doubles = weights.to(torch::kDouble);
  if (!doubles.isfinite().all().item<bool>() || (doubles < 0).any().item<bool>()) {
    refuse_ridge("weights must be finite and not negative");
  }
  if ((doubles.sum(0) <= 0).any().item<bool>()) refuse_ridge("some image must have weight");
  return doubles;
}

/// Numbers from 0 on.
torch::Tensor numbered_groups(const torch::Tensor& groups, std::int64_t images) {
  if (!groups.defined()) return torch::arange(images);
  if (groups.dim() != 1 || groups.size(0) != images || groups.scalar_type() != torch::kLong) {
    refuse_ridge(fmt::format("groups must be int64 [N] for {} images", images));
  }
  return std::get<1>(torch::_unique2(groups, /*sorted=*/true, /*return_inverse=*/true));
}

/// Something must be left to fit on without any group. weights: [N] or [N,K].
void check_groups(const torch::Tensor& groups, const torch::Tensor& weights) {
  const torch::Tensor with_columns = weights.dim() == 1 ? weights.unsqueeze(1) : weights;
  const torch::Tensor has_weight = (with_columns > 0).to(torch::kLong);
  const torch::Tensor of_group = torch::zeros({groups.max().item<std::int64_t>() + 1, has_weight.size(1)}, torch::kLong)
                                     .index_add_(0, groups, has_weight);
  if ((of_group == has_weight.sum(0)).any().item<bool>()) {
    refuse_ridge("one group has all images with weight, so nothing is left to fit on without it");
  }
}

/// As many images as make 2 million features or outputs.
std::int64_t chunk_of(std::int64_t features, const torch::Tensor& targets, std::int64_t num_classes) {
  const std::int64_t outputs = targets.dim() == 2 ? targets.size(1) : num_classes;
  return std::clamp<std::int64_t>(2'000'000 / std::max<std::int64_t>({features, outputs, 1}), 64, 16'384);
}

void check_strength(double strength) {
  if (std::isfinite(strength) && strength > 0) return;
  refuse_ridge(fmt::format("strength must be positive and finite, got {}", strength));
}

}  // namespace

Ridge::Ridge(RidgeRows rows, const torch::Tensor& targets, const RidgeOptions& options)
    : images_(rows.images), chunk_(options.chunk.value_or(chunk_of(rows.features, targets, options.num_classes))) {
  const torch::NoGradGuard no_grad;
  const Targets all(targets, options.num_classes);
  if (images_ < 2 || rows.features < 1) refuse_ridge("there must be two images and a feature");
  if (all.size() != images_) refuse_ridge(fmt::format("{} targets for {} images", all.size(), images_));
  if (chunk_ < 1) refuse_ridge("chunk must be positive");
  targets_ = all.columns();
  const torch::Tensor weights = checked_weights(options.weights, images_, targets_);
  groups_ = numbered_groups(options.groups, images_);
  check_groups(groups_, weights);
  if (weights.dim() == 1) {
    fits_.push_back(std::make_unique<Fit>(std::move(rows), all, weights, chunk_));
    return;
  }
  const std::int64_t side = std::min(images_, rows.features);
  if (side * side > options.most_label_numbers / targets_) {
    refuse_ridge(fmt::format("weights that differ by label take {} decompositions of {} x {}, more than is allowed",
                             targets_, side, side));
  }
  for (std::int64_t k = 0; k < targets_; ++k) {
    fits_.push_back(std::make_unique<Fit>(rows, all.column(k), weights.select(1, k).contiguous(), chunk_));
  }
}

Ridge::~Ridge() = default;
Ridge::Ridge(Ridge&&) noexcept = default;
Ridge& Ridge::operator=(Ridge&&) noexcept = default;

LinearMap Ridge::solve(double strength) const {
  const torch::NoGradGuard no_grad;
  check_strength(strength);
  std::vector<torch::Tensor> weights;
  std::vector<torch::Tensor> biases;
  for (const auto& fit : fits_) {
    LinearMap map = fit->solve(strength);
    weights.push_back(std::move(map.weight));
    biases.push_back(std::move(map.bias));
  }
  return {.weight = torch::cat(weights), .bias = torch::cat(biases)};
}

/// The groups of these images in the order of their sizes, of one size in the order of their numbers.
std::vector<Ridge::Chunk> Ridge::chunks(const torch::Tensor& positions) const {
  const torch::Tensor sizes = torch::bincount(groups_);
  torch::Tensor is_wanted = torch::ones_like(sizes);
  if (positions.defined()) is_wanted.zero_().index_fill_(0, groups_.index_select(0, positions), 1);
  const torch::Tensor members = is_wanted.index_select(0, groups_).nonzero().squeeze(1);
  const torch::Tensor groups = groups_.index_select(0, members);
  const torch::Tensor keys = sizes.index_select(0, groups) * groups_.size(0) + groups;
  const torch::Tensor order = members.index_select(0, std::get<1>(keys.sort(/*stable=*/true, 0, /*descending=*/false)));
  const torch::Tensor sizes_in_order = sizes.index_select(0, groups_.index_select(0, order));
  const auto* const at_position = order.data_ptr<std::int64_t>();
  std::vector<Chunk> chunks;
  for (std::int64_t at = 0; at < order.size(0);) {
    const std::int64_t size = sizes_in_order.data_ptr<std::int64_t>()[at];
    const bool has_room = !chunks.empty() && chunks.back().group_size == size &&
                          static_cast<std::int64_t>(chunks.back().positions.size()) + size <= chunk_;
    if (!has_room) chunks.push_back({.positions = {}, .group_size = size});
    chunks.back().positions.insert(chunks.back().positions.end(), at_position + at, at_position + at + size);
    at += size;
  }
  return chunks;
}

void Ridge::for_each_left_out(std::span<const double> strengths, const Visit& visit,
                              const torch::Tensor& positions) const {
  const torch::NoGradGuard no_grad;
  for (const double strength : strengths) check_strength(strength);
  torch::Tensor is_wanted = torch::ones({images_}, torch::kBool);
  if (positions.defined()) is_wanted.zero_().index_fill_(0, positions, 1);
  for (const Chunk& chunk : chunks(positions)) {
    const torch::Tensor index = index_of(chunk.positions);
    const torch::Tensor wanted = is_wanted.index_select(0, index).nonzero().squeeze(1);
    const torch::Tensor shown = index.index_select(0, wanted);
    std::vector<Fit::Images> images;
    for (const auto& fit : fits_) images.push_back(fit->images(chunk));
    for (std::size_t i = 0; i < strengths.size(); ++i) {
      std::vector<torch::Tensor> columns;
      for (std::size_t f = 0; f < fits_.size(); ++f) columns.push_back(fits_[f]->left_out(images[f], strengths[i]));
      const torch::Tensor outputs = columns.size() == 1 ? columns.front() : torch::cat(columns, 1);
      visit({.positions = {shown.data_ptr<std::int64_t>(), static_cast<std::size_t>(shown.size(0))},
             .strength = i,
             .outputs = wanted.size(0) == index.size(0) ? outputs : outputs.index_select(0, wanted)});
    }
  }
}

torch::Tensor Ridge::left_out(double strength) const {
  torch::Tensor outputs = torch::empty({images_, targets_}, torch::kDouble);
  for_each_left_out({&strength, 1},
                    [&](const LeftOutRows& rows) { outputs.index_copy_(0, index_of(rows.positions), rows.outputs); });
  return outputs;
}

}  // namespace margay::train
