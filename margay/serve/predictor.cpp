#include "margay/serve/predictor.h"

#include <algorithm>
#include <stdexcept>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/threads.h"

namespace margay::serve {
namespace {

std::shared_ptr<const data::Dataset> unlabelled(const std::vector<std::filesystem::path>& pictures) {
  auto dataset = std::make_shared<data::Dataset>();
  for (const auto& path : pictures) dataset->items.push_back({path, ""});
  dataset->targets.assign(pictures.size(), 0);
  return dataset;
}

}  // namespace

Predictor::Predictor(bundle::Bundle bundle, const PredictorOptions& options)
    : bundle_(std::move(bundle)),
      options_(options),
      precision_(model::resolve_precision(options.precision, torch::kCPU)) {
  core::validate(options_);
  bundle_.classifier->eval();
}

PredictionTable Predictor::predict(const std::vector<std::filesystem::path>& pictures,
                                   const OnProgress& on_progress) const {
  if (pictures.empty()) throw std::invalid_argument("[predict] no pictures given");
  const int workers = options_.num_workers.value_or(core::available_cpus());
  data::LoaderOptions loading{.batch_size = options_.batch_size};
  loading.num_workers = std::min(workers, static_cast<int>(std::min<std::size_t>(pictures.size(), 512)));
  const data::Loader loader(unlabelled(pictures), data::PicturePipeline(bundle_.recipe), data::Phase::kValid, loading);

  const torch::NoGradGuard no_grad;
  PredictionTable table;
  std::vector<torch::Tensor> logits;
  data::LoaderPass pass = loader.pass();
  while (const auto batch = pass.next()) {
    const model::Autocast autocast(torch::kCPU, precision_);
    logits.push_back(bundle_.classifier->forward(batch->images).to(torch::kFloat));
    table.ids.insert(table.ids.end(), batch->ids.begin(), batch->ids.end());
    if (on_progress) on_progress(table.ids.size() + pass.skipped().size(), pictures.size());
  }
  table.logits = torch::cat(logits);
  table.probabilities = torch::softmax(table.logits, 1);
  table.skipped = pass.skipped();
  return table;
}

}  // namespace margay::serve
