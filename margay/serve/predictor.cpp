#include "margay/serve/predictor.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/threads.h"
#include "margay/metric/test_time_augmentation.h"
#include "margay/model/fold_batch_norms.h"
#include "margay/model/network_state.h"
#include "margay/model/precision.h"

namespace margay::serve {
namespace {

/// With the state of another; LibTorch's random numbers go on as if there had been none.
std::shared_ptr<model::Classifier> copy_of(const model::Classifier& classifier) {
  const model::RandomState random(torch::kCPU);
  auto copy = model::make_classifier(classifier.options());
  random.restore();
  copy->load_state(classifier.state(), "a classifier");
  return copy;
}

}  // namespace

Predictor::Predictor(bundle::Bundle bundle, const PredictorOptions& options)
    : bundle_(std::move(bundle)),
      options_(options),
      precision_(model::resolve_precision(options.precision, torch::kCPU)) {
  core::validate(options_);
  if (bundle_.classifier == nullptr) throw std::invalid_argument("[predictor] the bundle has no classifier");
  if (bundle_.classifier.use_count() > 1) bundle_.classifier = copy_of(*bundle_.classifier);
  bundle_.classifier->eval();
  model::fold_batch_norms(*bundle_.classifier);
  model::store_weights_in(*bundle_.classifier, precision_);
}

void Predictor::warm_up(std::int64_t images) const {
  if (images < 1) throw std::invalid_argument(fmt::format("[warm_up] images must be at least 1, got {}", images));
  const std::int64_t side = bundle_.transforms.augment.size;
  const std::int64_t channels = bundle_.classifier->options().in_channels;
  logits_of(torch::zeros({images, channels, side, side}));
}

torch::Tensor Predictor::logits_of(const torch::Tensor& images) const {
  const torch::NoGradGuard no_grad;
  const model::Autocast autocast(torch::kCPU, precision_);
  return bundle_.classifier->forward(images).to(torch::kFloat);
}

PredictionTable Predictor::predict(const data::ImageList& images, const OnProgress& on_progress) const {
  if (images.empty()) throw std::invalid_argument("[predict] no images given");
  const int workers = options_.num_workers.value_or(core::available_cpus());
  data::LoaderOptions loading{.batch_size = options_.batch_size};
  loading.worker_priority = data::WorkerPriority::kNormal;  // somebody waits
  loading.num_workers = std::min(workers, static_cast<int>(std::min<std::size_t>(images.size(), 512)));
  const auto dataset = std::make_shared<data::Dataset>(data::Dataset::unlabelled(images));
  const data::ImagePipeline pipeline(bundle_.transforms, options_.max_pixels);
  const data::Loader loader(dataset, pipeline, data::Phase::kValid, loading);

  const std::size_t total = images.size() * (1 + static_cast<std::size_t>(options_.tta));
  std::size_t done = 0;
  const auto advance = [&](std::size_t images_seen) {
    done += images_seen;
    if (on_progress) on_progress(done, total);
  };
  PredictionTable table = ask(loader.pass(), advance);
  if (options_.tta > 0) {
    const data::Loader augmented = loader.augmented();
    std::vector<torch::Tensor> draws;
    for (int draw = 0; draw < options_.tta; ++draw) draws.push_back(ask(augmented.pass(draw), advance).logits);
    table.logits = metric::average_draws(table.logits, draws,
                                         is_multi_label() ? metric::Activation::kSigmoid : metric::Activation::kSoftmax,
                                         options_.tta_beta);
  }
  table.probabilities = is_multi_label() ? torch::sigmoid(table.logits) : torch::softmax(table.logits, 1);
  return table;
}

PredictionTable Predictor::ask(data::LoaderPass pass, const std::function<void(std::size_t)>& advance) const {
  PredictionTable table;
  std::vector<torch::Tensor> logits;
  std::size_t seen = 0;
  while (const auto batch = pass.next()) {
    logits.push_back(logits_of(batch->images));
    table.ids.insert(table.ids.end(), batch->ids.begin(), batch->ids.end());
    const std::size_t now = table.ids.size() + pass.skipped().size();
    advance(now - seen);
    seen = now;
  }
  advance(table.ids.size() + pass.skipped().size() - seen);  // those that a last, empty batch left out
  table.logits = torch::cat(logits);
  table.skipped = pass.skipped();
  return table;
}

const core::OptionTable& PredictorOptions::fields() {
  static const core::OptionTable table(
      "predictor",
      {core::field<&PredictorOptions::batch_size>("batch_size", "images computed at once", {1, 65536}),
       core::field<&PredictorOptions::num_workers>("num_workers", "loading threads; by default one per core", {1, 512}),
       core::field<&PredictorOptions::precision>(
           "precision",
           "fp32 (exact), auto or bf16 (faster where the processor computes it; differs by "
           "about 1e-2 in the logits)"),
       core::field<&PredictorOptions::tta>(
           "tta", "test-time augmentation: average with so many draws of each image; 0: none", {0, 1000}),
       core::field<&PredictorOptions::tta_beta>("tta_beta", "share of the plain prediction in it", {0, 1}),
       core::field<&PredictorOptions::max_pixels>("max_pixels", "an image that claims more pixels counts as unreadable",
                                                  {1, 1e12})});
  return table;
}

}  // namespace margay::serve
