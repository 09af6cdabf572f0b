#include "margay/serve/predictor.h"

#include <algorithm>
#include <stdexcept>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/threads.h"
#include "margay/metric/test_time_augmentation.h"

namespace margay::serve {

Predictor::Predictor(bundle::Bundle bundle, const PredictorOptions& options)
    : bundle_(std::move(bundle)),
      options_(options),
      precision_(model::resolve_precision(options.precision, torch::kCPU)) {
  core::validate(options_);
  bundle_.classifier->eval();
}

PredictionTable Predictor::predict(const data::PathList& pictures, const OnProgress& on_progress) const {
  if (pictures.empty()) throw std::invalid_argument("[predict] no pictures given");
  const int workers = options_.num_workers.value_or(core::available_cpus());
  data::LoaderOptions loading{.batch_size = options_.batch_size};
  loading.num_workers = std::min(workers, static_cast<int>(std::min<std::size_t>(pictures.size(), 512)));
  const auto dataset = std::make_shared<data::Dataset>(data::Dataset::unlabelled(pictures));
  const data::PicturePipeline pipeline(bundle_.recipe, options_.max_pixels);
  const data::Loader loader(dataset, pipeline, data::Phase::kValid, loading);

  const std::size_t total = pictures.size() * (1 + static_cast<std::size_t>(options_.tta));
  std::size_t done = 0;
  const auto advance = [&](std::size_t pictures_seen) {
    done += pictures_seen;
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
  const torch::NoGradGuard no_grad;
  PredictionTable table;
  std::vector<torch::Tensor> logits;
  std::size_t seen = 0;
  while (const auto batch = pass.next()) {
    const model::Autocast autocast(torch::kCPU, precision_);
    logits.push_back(bundle_.classifier->forward(batch->images).to(torch::kFloat));
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

}  // namespace margay::serve
