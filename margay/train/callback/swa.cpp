#include "margay/train/callback/swa.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/data/common_folder.h"
#include "margay/model/network_state.h"
#include "margay/predict/inference.h"
#include "margay/train/learner.h"

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
  const Gathering gathering(classifier);
  const predict::InferenceOptions pass{.precision = options.precision,
                                       .mode = predict::NetworkMode::kUnchanged,
                                       .epoch = options.epoch,
                                       .batches = options.batches,
                                       .least_images = 2};  // a batch norm cannot train on one image
  if (predict::for_each_batch(classifier, loader, pass, [](predict::BatchOutput&) {}).batches > 0) return;
  throw core::DataError(data::common_folder(loader.dataset()),
                        "no batch has two images that can be read; `check_data` says what is wrong");
}

std::int64_t swa_first_epoch(const SwaOptions& options, std::int64_t epochs) {
  const auto first = static_cast<std::int64_t>(options.swa_start * static_cast<double>(epochs) + 1e-9);
  return std::clamp<std::int64_t>(first, 0, std::max<std::int64_t>(epochs - 1, 0));
}

Swa::Swa(const model::Classifier& classifier, const SwaOptions& options) : options_(options), average_(classifier) {
  core::validate(options_);
}

void Swa::before_epoch(Learner& /*learner*/, const Progress& at) {
  if (at.epoch == 0) epochs_ = 0;
}

void Swa::after_epoch(Learner& /*learner*/, const Progress& at, const EpochRecord& /*record*/) {
  const bool is_late = at.epochs == 0 ? at.fraction >= options_.swa_start  // of the time
                                      : at.epoch >= swa_first_epoch(options_, at.epochs);
  if (!is_late) return;
  ++epochs_;
  if (epochs_ == 1) return average_.copy_from_model();
  average_.move_towards_model(1 / static_cast<double>(epochs_));
}

void Swa::apply(Learner& learner) {
  if (epochs_ == 0) return;
  average_.copy_to_model();
  const auto threads = learner.micro_batch_threads();
  update_batch_norms(learner.classifier(), learner.loaders().train.shared_out(0, 1, 1),
                     {.batches = options_.swa_batches, .epoch = learner.passes(), .precision = learner.precision()});
}

CallbackState Swa::state() const {
  CallbackState state{.values = {{"epochs", epochs_}}};
  if (epochs_ > 0) state.tensors = average_.tensors();
  return state;
}

void Swa::load_state(const CallbackState& state, const std::filesystem::path& source) {
  const std::int64_t epochs = count_at(state.values, "epochs", source);
  if (epochs > 0) average_.load(state.tensors, source);
  epochs_ = epochs;
}

const core::OptionTable& SwaOptions::fields() {
  static const core::OptionTable table(
      "swa",
      {core::field<&SwaOptions::swa_start>("swa_start", "share of a fit's epochs after which averaging begins", {0, 1}),
       core::field<&SwaOptions::swa_batches>(
           "swa_batches", "training batches that the averaged network's batch norms see in the end; all by default",
           {1, 1e9})});
  return table;
}

}  // namespace margay::train
