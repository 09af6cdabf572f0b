#include "margay/data/loader/collate.h"

#include <utility>

#include <torch/types.h>

#include "margay/core/random.h"
#include "margay/data/transform/augment_batch.h"

namespace margay::data {
namespace {

constexpr std::uint64_t kMixStream = 3;

/// The rows that succeeded.
std::vector<std::int64_t> good_rows(const PendingBatch& pending) {
  std::vector<std::int64_t> rows;
  for (std::size_t row = 0; row < pending.rows.size(); ++row) {
    if (pending.problems[row].empty()) rows.push_back(static_cast<std::int64_t>(row));
  }
  return rows;
}

/// [N,H,W,3] of these rows.
torch::Tensor pixels_of(const PendingBatch& pending, const std::vector<std::int64_t>& rows) {
  if (rows.size() == pending.rows.size()) return pending.pixels;
  return pending.pixels.index_select(0, torch::tensor(rows, torch::kLong));
}

void mix_images(Batch& batch, const PassPlan& plan) {
  const core::Random random = {plan.options.seed, static_cast<std::uint64_t>(plan.epoch),
                               static_cast<std::uint64_t>(batch.index), kMixStream};
  const torch::Tensor one_hot = torch::one_hot(batch.targets, plan.dataset->num_classes()).to(torch::kFloat);
  Mixed mixed = mix(batch.images, one_hot, plan.mix, random);
  batch.images = std::move(mixed.images);
  batch.targets = std::move(mixed.targets);
}

}  // namespace

Batch collate(PendingBatch&& pending, const PassPlan& plan) {
  const std::vector<std::int64_t> rows = good_rows(pending);
  Batch batch;
  batch.index = static_cast<std::int64_t>(pending.batch);
  for (const std::int64_t each : rows) {
    const auto row = static_cast<std::size_t>(each);
    batch.ids.push_back(pending.rows[row].id);
    if (!pending.draws.empty()) batch.draws.push_back(std::move(pending.draws[row]));
  }
  batch.images = pixels_of(pending, rows);
  if (pending.draws.empty()) batch.images = batch.images.permute({0, 3, 1, 2});
  batch.targets = batch_targets(*plan.dataset, batch.ids);
  return batch;
}

void finish(Batch& batch, const PassPlan& plan) {
  if (batch.ids.empty()) return;
  if (!batch.draws.empty()) {
    const Transforms& transforms = plan.pipeline.transforms();
    batch.images = augment_batch(batch.images, batch.draws, transforms.augment, transforms.normalization);
    batch.draws.clear();
  }
  if (plan.mix.method != MixMethod::kNone) mix_images(batch, plan);
}

}  // namespace margay::data
