#include "margay/train/update_batch_norms.h"

#include <utility>
#include <vector>

#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/state_guard.h"
#include "margay/train/device_prefetcher.h"

namespace margay::train {
namespace {

/// While it lives, the classifier trains, and its batch norms gather equal averages, from nothing on.
class Gathering {
 public:
  explicit Gathering(model::Classifier& classifier) : mode_(classifier) {
    for (const auto& module : classifier.modules(/*include_self=*/false)) {
      add(module->as<torch::nn::BatchNorm1d>());
      add(module->as<torch::nn::BatchNorm2d>());
      add(module->as<torch::nn::BatchNorm3d>());
    }
    classifier.train();
  }
  Gathering(const Gathering&) = delete;
  Gathering& operator=(const Gathering&) = delete;
  ~Gathering() {
    for (const auto& [options, momentum] : before_) options->momentum(momentum);
  }

 private:
  using Options = torch::nn::BatchNormOptions;
  using Momentum = std::decay_t<decltype(std::declval<Options>().momentum())>;

  template <class Norm>
  void add(Norm* norm) {
    if (norm == nullptr) return;
    before_.emplace_back(&norm->options, norm->options.momentum());
    norm->options.momentum(Momentum());  // none: the equal average
    norm->reset_running_stats();
  }

  model::ModeGuard mode_;
  std::vector<std::pair<Options*, Momentum>> before_;
};

}  // namespace

void update_batch_norms(model::Classifier& classifier, const data::Loader& loader, const BatchNormUpdate& options) {
  const torch::NoGradGuard no_grad;
  const Gathering gathering(classifier);
  const torch::Device device = classifier.device();
  const std::unique_ptr<BatchCopy> copy = batch_copy(device);
  DevicePrefetcher pass(loader.pass(options.epoch), copy.get());
  std::int64_t seen = 0;
  while (!options.batches || seen < *options.batches) {
    const std::optional<data::Batch> batch = pass.next();
    if (!batch) break;
    if (batch->size() < 2) continue;  // a batch norm cannot train on one image
    const model::Autocast autocast(device, options.precision);
    classifier.forward(batch->images);
    ++seen;
  }
  if (seen > 0) return;
  throw core::DataError(loader.dataset().path(0).parent_path(),
                        "no batch has two images that can be read; `check_data` says what is wrong");
}

}  // namespace margay::train
