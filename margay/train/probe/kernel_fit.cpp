#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "margay/train/probe/hat_blocks.h"
#include "margay/train/probe/ridge_fit.h"

namespace margay::train {
namespace {

/// With A = √w (x - mean), of the n images that have weight, A Aᵀ = U diag(s) Uᵀ. The intercept takes the direction
/// √w out, so U is [n,n-1]. With g = 1 / (s + l) and Q = U diag(g) Uᵀ the weights are Aᵀ a, a = Q √w y, and what is
/// left of y is l a / √w; so I - H is l Q but for √w, and l cancels where images are left out (the dual form: Cawley
/// and Talbot, "Fast exact leave-one-out cross-validation of sparse least-squares support vector machines", 2004).
class KernelFit : public RidgeFit {
 public:
  explicit KernelFit(RidgeData data) : data_(std::move(data)), used_(data_.used()) {
    total_ = data_.weights.sum().item<double>();
    roots_ = data_.weights.index_select(0, used_).sqrt();
    const torch::Tensor rows = centre();
    const torch::Tensor targets = data_.targets.read(used_);
    target_mean_ = roots_.square().unsqueeze(0).matmul(targets).squeeze(0) / total_;
    decompose(rows);
    moments_ = vectors_.t().matmul((targets - target_mean_) * roots_.unsqueeze(1));
    place(rows);
  }

  LinearMap solve(double strength) const override {
    return map_of(vectors_.matmul(moments_ * scales(strength)), target_mean_);
  }

  void for_each_left_out(const RidgeGroups& groups, std::span<const double> strengths,
                         const Visit& visit) const override {
    const torch::Tensor index = index_of(groups.positions);
    const torch::Tensor along = along_.index_select(0, index);
    const torch::Tensor targets = data_.targets.read(index);
    const torch::Tensor roots = data_.weights.index_select(0, index).sqrt().reshape({-1, groups.size});
    const torch::Tensor all = torch::tensor(torch::ArrayRef(strengths.data(), strengths.size()), torch::kDouble);
    const GroupProducts products(along, groups.size, 1 / (values_.unsqueeze(1) + all));
    for (std::size_t i = 0; i < strengths.size(); ++i) {
      const torch::Tensor duals = along.matmul(moments_ * scales(strengths[i]));
      visit(i, without_groups(products.at(i), duals, targets, roots, strengths[i]));
    }
  }

  /// The dual weights without the group are a - Q_G Q_GG⁻¹ a_G, of which those of G are 0.
  std::vector<LinearMap> solve_without(std::span<const std::int64_t> positions,
                                       std::span<const double> strengths) const override {
    const torch::Tensor members = used_members(positions);
    const torch::Tensor own = vectors_.index_select(0, members);  // [m,n-1]
    const torch::Tensor roots = roots_.index_select(0, members);
    std::vector<LinearMap> maps;
    for (const double strength : strengths) {
      const torch::Tensor scaled = own * scales(strength).t();
      const torch::Tensor blocks = scaled.matmul(own.t()).unsqueeze(0);
      const torch::Tensor steps =
          solve_blocks(blocks, least(roots.unsqueeze(0), strength), scaled.matmul(moments_).unsqueeze(0)).squeeze(0);
      torch::Tensor duals = vectors_.matmul(moments_ * scales(strength) - scaled.t().matmul(steps));
      duals.index_fill_(0, members, 0);
      maps.push_back(map_of(duals, target_mean_ - roots.unsqueeze(0).matmul(steps).squeeze(0) / total_));
    }
    return maps;
  }

 private:
  /// A, [n,D]; sets the mean.
  torch::Tensor centre() {
    std::vector<torch::Tensor> parts;
    data_.for_each_chunk(positions_of(used_),
                         [&](const torch::Tensor& rows, const torch::Tensor& /*index*/) { parts.push_back(rows); });
    const torch::Tensor rows = torch::cat(parts);
    const torch::Tensor shift = rows.mean(0);  // sums of what is far from zero lose digits
    const torch::Tensor moved = rows - shift;
    const torch::Tensor moved_mean = roots_.square().unsqueeze(0).matmul(moved).squeeze(0) / total_;
    mean_ = shift + moved_mean;
    return (moved - moved_mean) * roots_.unsqueeze(1);
  }

  /// √w, an eigenvector of A Aᵀ for 0, would mix with others for 0: here its eigenvalue is the largest.
  void decompose(const torch::Tensor& rows) {
    torch::Tensor kernel = rows.matmul(rows.t());
    const auto norm = kernel.norm().item<double>();
    if (!kernel.sum().isfinite().item<bool>())
      refuse_ridge("features or weights are too large: their squares overflow");
    const torch::Tensor unit = roots_ / roots_.norm();
    kernel += torch::outer(unit, unit) * (norm > 0 ? 2 * norm : 1);
    const auto [values, vectors] = torch::linalg_eigh(kernel);
    const std::int64_t directions = used_.size(0) - 1;
    values_ = values.narrow(0, 0, directions).clamp_min(0);
    vectors_ = vectors.narrow(1, 0, directions).contiguous();
  }

  /// Images without weight are no rows of U; along it they are where their products with the others put them.
  void place(const torch::Tensor& rows) {
    along_ = vectors_;
    if (used_.size(0) == data_.rows.images) return;
    along_ = torch::zeros({data_.rows.images, vectors_.size(1)}, torch::kDouble);
    along_.index_copy_(0, used_, vectors_);
    const torch::Tensor unused = (data_.weights == 0).nonzero().squeeze(1).contiguous();
    const torch::Tensor directions = rows.t().matmul(vectors_);  // [D,n-1]
    data_.for_each_chunk(positions_of(unused), [&](const torch::Tensor& some, const torch::Tensor& index) {
      along_.index_copy_(0, index, (some - mean_).matmul(directions));
    });
  }

  /// [n-1,1]
  torch::Tensor scales(double strength) const { return 1 / (values_ + strength).unsqueeze(1); }

  /// duals: [n,K]; at_mean: [K], the output for the mean.
  LinearMap map_of(const torch::Tensor& duals, const torch::Tensor& at_mean) const {
    torch::Tensor weight = torch::zeros({duals.size(1), data_.rows.features}, torch::kDouble);
    const torch::Tensor weighted = duals * roots_.unsqueeze(1);
    std::int64_t row = 0;
    data_.for_each_chunk(positions_of(used_), [&](const torch::Tensor& rows, const torch::Tensor& /*index*/) {
      weight.addmm_(weighted.narrow(0, row, rows.size(0)).t(), rows - mean_);
      row += rows.size(0);
    });
    return {.weight = weight, .bias = at_mean - weight.mv(mean_)};
  }

  /// int64: the places among `used_` of the images at these positions that have weight.
  torch::Tensor used_members(std::span<const std::int64_t> positions) const {
    torch::Tensor places = torch::full({data_.rows.images}, -1, torch::kLong);
    places.index_copy_(0, used_, torch::arange(used_.size(0)));
    const torch::Tensor some = places.index_select(0, index_of(positions));
    return some.masked_select(some >= 0);
  }

  /// [n/m]: what the eigenvalues of Q_GG are at least, since those of U_G U_Gᵀ are 1 - w_G / W or more. roots: [n/m,m].
  torch::Tensor least(const torch::Tensor& roots, double strength) const {
    return (1 - roots.square().sum(1) / total_) / (values_.max().item<double>() + strength);
  }

  /// products: [n/m,m,m], E diag(g) Eᵀ; duals: [n,K], a, or for images without weight the fit less its mean. With
  /// S = Q_GG⁻¹ a_G outputs are y - S / √w, and for images without weight theirs of the fit less
  /// (E diag(g) U_Gᵀ + √w_G / W) S.
  torch::Tensor without_groups(const torch::Tensor& products, const torch::Tensor& duals, const torch::Tensor& targets,
                               const torch::Tensor& roots, double strength) const {
    const std::int64_t m = roots.size(1);
    const torch::Tensor is_used = (roots > 0).to(torch::kDouble);
    const torch::Tensor is_pair = is_used.unsqueeze(1) * is_used.unsqueeze(2);
    const torch::Tensor alone = torch::diag_embed(1 - is_used) / strength;  // no part of the system
    const torch::Tensor right = duals.reshape({-1, m, duals.size(1)}) * is_used.unsqueeze(2);
    const torch::Tensor steps = solve_blocks(products * is_pair + alone, least(roots, strength), right);  // [n/m,m,K]
    const torch::Tensor change = (products + roots.unsqueeze(1) / total_).matmul(steps).reshape(duals.sizes());
    const torch::Tensor flat_roots = roots.reshape({-1, 1});
    return torch::where(flat_roots > 0, targets - steps.reshape(duals.sizes()) / flat_roots,
                        target_mean_ + duals - change);
  }

  RidgeData data_;
  torch::Tensor used_;         // int64 [n]
  double total_ = 0;           // W
  torch::Tensor roots_;        // [n], √w
  torch::Tensor mean_;         // [D]
  torch::Tensor target_mean_;  // [K]
  torch::Tensor values_;       // [n-1], s
  torch::Tensor vectors_;      // [n,n-1], U
  torch::Tensor moments_;      // [n-1,K], Uᵀ √w y
  torch::Tensor along_;        // [N,n-1], E: the rows of U, and A's products with images without weight times U
};

}  // namespace

std::unique_ptr<RidgeFit> kernel_fit(RidgeData data) { return std::make_unique<KernelFit>(std::move(data)); }

}  // namespace margay::train
