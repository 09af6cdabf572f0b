#include "margay/train/batch_loss.h"

#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>

#include "margay/loss/target_error.h"

namespace margay::train {
namespace {

constexpr std::size_t kNamed = 5;

std::string path_of(const data::Dataset& dataset, std::size_t id) { return dataset.path(id).string(); }

/// Where the rows are set that `is_set` says. is_set: bool [N].
std::vector<std::string> paths_where(const torch::Tensor& is_set, const data::Batch& batch,
                                     const data::Dataset& dataset) {
  const torch::Tensor set = is_set.cpu();
  std::vector<std::string> paths;
  for (std::int64_t row = 0; row < batch.size(); ++row) {
    if (set[row].item<bool>()) paths.push_back(path_of(dataset, batch.ids[static_cast<std::size_t>(row)]));
  }
  return paths;
}

std::string named(std::vector<std::string> paths) {
  const std::size_t count = paths.size();
  if (count > kNamed) paths.resize(kNamed);
  return fmt::format("{}{}", fmt::join(paths, ", "), count > kNamed ? fmt::format(" and {} more", count - kNamed) : "");
}

}  // namespace

torch::Tensor batch_loss(const TrainingLoss& loss, const torch::Tensor& logits, const data::Batch& batch,
                         const data::Dataset& dataset) {
  try {
    return loss(logits, batch);
  } catch (const loss::TargetError& error) {
    throw core::DataError(path_of(dataset, batch.ids[static_cast<std::size_t>(error.position())]),
                          fmt::format("its target {} is no class index; the network's {} classes allow 0 to {}",
                                      error.target(), error.num_classes(), error.num_classes() - 1));
  }
}

void check_finite(double loss, const torch::Tensor& logits, const data::Batch& batch, const data::Dataset& dataset,
                  const std::string& when, const std::function<std::string()>& find_layer) {
  if (std::isfinite(loss)) return;
  const torch::Tensor z = logits.detach();
  std::vector<std::string> paths = paths_where(z.isfinite().all(1).logical_not(), batch, dataset);
  std::string what = "the network's outputs are not finite";
  if (paths.empty()) {
    const torch::Tensor losses = TaskLoss{dataset.task()}.of_each(z, batch.targets);
    paths = paths_where(losses == losses.max(), batch, dataset);
    what = "the loss itself overflows";
  } else if (const std::string layer = find_layer ? find_layer() : ""; !layer.empty()) {
    what += fmt::format(", first in {},", layer);
  }
  throw DivergedError(fmt::format(
      "the loss is {} in {}: {} for {} of {} images ({}). If it is one image every time, look at it; "
      "otherwise lower the learning rate (`base_lr`), or in half precision train with `precision` fp32",
      std::isnan(loss) ? "not a number" : "infinite", when, what, paths.size(), batch.size(), named(paths)));
}

void check_gradients(double norm, const data::Batch& batch, const data::Dataset& dataset, const std::string& when) {
  if (std::isfinite(norm)) return;
  std::vector<std::string> paths;
  for (const std::size_t id : batch.ids) paths.push_back(path_of(dataset, id));
  throw DivergedError(
      fmt::format("the gradients are not finite in {}, though the loss is: the batch was {}. Lower the learning rate "
                  "(`base_lr`), or in half precision train with `precision` fp32",
                  when, named(paths)));
}

}  // namespace margay::train
