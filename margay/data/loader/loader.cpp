#include "margay/data/loader/loader.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace margay::data {
namespace {

constexpr std::uint64_t kShuffleStream = 1;

/// A training set smaller than a batch still makes one.
std::int64_t count_batches(std::size_t pictures, int batch_size, Phase phase) {
  const auto n = static_cast<std::int64_t>(pictures);
  if (phase == Phase::kTrain && n >= batch_size) return n / batch_size;
  return (n + batch_size - 1) / batch_size;
}

}  // namespace

Loader::Loader(std::shared_ptr<const Dataset> dataset, const PicturePipeline& pipeline, Phase phase,
               const LoaderOptions& options)
    : dataset_(std::move(dataset)), pipeline_(pipeline), phase_(phase), options_(options) {
  core::validate(options_);
  if (dataset_->size() == 0) throw std::invalid_argument("[Loader] the dataset is empty");
}

std::int64_t Loader::num_batches() const { return count_batches(dataset_->size(), options_.batch_size, phase_); }

std::vector<std::size_t> Loader::order(std::int64_t epoch) const {
  const std::size_t n = dataset_->size();
  if (phase_ == Phase::kTrain) {
    return core::permutation(n, core::Random{options_.seed, static_cast<std::uint64_t>(epoch), kShuffleStream});
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

LoaderPass Loader::pass(std::int64_t epoch) const {
  return {dataset_, pipeline_, phase_, options_, epoch, order(epoch), num_batches()};
}

}  // namespace margay::data
