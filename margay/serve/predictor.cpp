#include "margay/serve/predictor.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/text.h"
#include "margay/core/threads.h"
#include "margay/model/fold_batch_norms.h"
#include "margay/model/packed_convolution.h"
#include "margay/model/precision.h"
#include "margay/model/torch_errors.h"

namespace margay::serve {
namespace {

std::shared_ptr<model::Classifier> copy_of(const model::Classifier& classifier) {
  auto copy = model::make_empty_classifier(classifier.options());
  copy->load_state(classifier.state(), "a classifier");
  return copy;
}

constexpr int kAveragedAtOnce = 1024;  // images: enough that the passes' beginnings do not matter

predict::TtaOptions tta_options(const PredictorOptions& options) {
  return {.n = options.tta, .beta = options.tta_beta};
}

/// Images without labels are accepted.
void check_labels(const data::Dataset& images, const bundle::Bundle& bundle) {
  if (images.num_classes() == 0) return;
  if (images.task() == bundle.task && images.num_classes() == bundle.vocabulary.size()) return;
  throw std::invalid_argument(fmt::format("[predict] the images' labels are {} of {} classes, the bundle's {} of {}",
                                          core::to_text(images.task()), images.num_classes(),
                                          core::to_text(bundle.task), bundle.vocabulary.size()));
}

}  // namespace

Predictor::Predictor(bundle::Bundle bundle, const PredictorOptions& options)
    : bundle_(std::move(bundle)),
      options_(options),
      calibration_(options.raw ? predict::Calibration() : bundle_.calibration),
      precision_(model::resolve_precision(options.precision, model::find_device(options.device))),
      pipeline_(bundle_.transforms, options.max_pixels, options.decode) {
  core::validate(options_);
  if (bundle_.classifier == nullptr) throw std::invalid_argument("[predictor] the bundle has no classifier");
  model::with_own_errors(model::kFreeMemory, [&] {
    if (bundle_.classifier.use_count() > 1) bundle_.classifier = copy_of(*bundle_.classifier);
    bundle_.classifier->eval();
    model::fold_batch_norms(*bundle_.classifier);
    bundle_.classifier->eval();  // the modules that folding made, too
    model::store_weights_in(*bundle_.classifier, precision_);
    bundle_.classifier->to(model::find_device(options_.device));
    model::pack_convolutions(*bundle_.classifier, pipeline_.output_size());
  });
}

void Predictor::warm_up(std::int64_t images) const {
  if (images < 1) throw std::invalid_argument(fmt::format("[warm_up] images must be at least 1, got {}", images));
  const std::int64_t side = bundle_.transforms.augment.size;
  const std::int64_t channels = bundle_.classifier->options().in_channels;
  model::with_own_errors(model::kPredictWithLess, [&] {
    const torch::NoGradGuard no_grad;
    if (device().is_cpu()) each_alone_->prove(*bundle_.classifier, {1, channels, side, side}, precision_);
    if (device().is_cpu() && images == 1) return;  // that was one
    predict_inputs(torch::zeros({images, side, side, channels}, device()).permute({0, 3, 1, 2}));
  });
}

data::Loader Predictor::loader(std::shared_ptr<const data::Dataset> images) const {
  const std::size_t count = images->size();
  if (count == 0) throw std::invalid_argument("[predict] no images given");
  const int workers = options_.num_workers.value_or(core::default_threads());
  data::LoaderOptions loading{.batch_size = options_.batch_size};
  loading.worker_priority = data::WorkerPriority::kNormal;  // somebody waits
  loading.num_workers = std::min(workers, static_cast<int>(std::min<std::size_t>(count, 512)));
  return {std::move(images), pipeline_, data::Phase::kValid, loading};
}

predict::InferenceOptions Predictor::inference() const {
  return {.activation = predict::activation_of(bundle_.task),
          .temperature = calibration_.temperature,
          .precision = precision_,
          .output = options_.output,
          .unknown = bundle_.unknown ? &*bundle_.unknown : nullptr,
          .each_alone = each_alone_.get()};
}

predict::Predictions Predictor::predict_inputs(const torch::Tensor& images) const {
  const std::int64_t side = pipeline_.output_size();
  const std::int64_t channels = bundle_.classifier->options().in_channels;
  if (images.dim() != 4 || images.size(0) < 1 || images.sizes().slice(1) != at::IntArrayRef({channels, side, side})) {
    throw std::invalid_argument(fmt::format("[predict] inputs must be [N,{0},{1},{1}], got [{2}]", channels, side,
                                            core::joined(images.sizes(), ",")));
  }
  return predict::predict_batch(*bundle_.classifier, images, inference());
}

predict::ImageCounter Predictor::counter(const data::Loader& loader, const OnProgress& on_progress) const {
  if (!on_progress) return {};
  const std::size_t total = loader.dataset().size() * (1 + static_cast<std::size_t>(options_.tta));
  return [on_progress, total, done = std::size_t{0}](std::size_t images) mutable {
    done += images;
    on_progress(done, total);
  };
}

predict::Predictions Predictor::collect(const data::Loader& loader, const OnProgress& on_progress) const {
  const predict::ImageCounter count = counter(loader, on_progress);
  if (options_.tta == 0) return predict::collect_predictions(*bundle_.classifier, loader, inference(), count);
  return predict::collect_averaged(*bundle_.classifier, loader, inference(), tta_options(options_), count);
}

predict::Predictions Predictor::predict(const data::ImageList& images, const OnProgress& on_progress) const {
  return collect(loader(std::make_shared<data::Dataset>(data::Dataset::unlabelled(images))), on_progress);
}

void Predictor::stream(std::shared_ptr<const data::Dataset> images, const predict::PredictionSink& sink,
                       const OnProgress& on_progress) const {
  if (images == nullptr) throw std::invalid_argument("[predict] the images are null");
  check_labels(*images, bundle_);
  const data::Loader all = loader(std::move(images));
  const predict::ImageCounter count = counter(all, on_progress);
  if (options_.tta > 0) {
    return predict::stream_averaged(*bundle_.classifier, all, inference(), tta_options(options_),
                                    std::max(1, kAveragedAtOnce / options_.batch_size), sink, count);
  }
  predict::stream_predictions(*bundle_.classifier, all, inference(), [&](predict::Predictions&& batch) {
    const std::size_t seen = batch.ids.size() + batch.skipped.size();
    sink(std::move(batch));
    if (count) count(seen);
  });
}

void Predictor::stream_part(std::shared_ptr<const data::Dataset> images, const predict::PassPart& part,
                            const predict::PredictionSink& sink) const {
  if (images == nullptr) throw std::invalid_argument("[predict] the images are null");
  check_labels(*images, bundle_);
  predict::InferenceOptions options = inference();
  options.part = part;
  const data::Loader all = loader(std::move(images));
  if (options_.tta == 0) return predict::stream_predictions(*bundle_.classifier, all, options, sink);
  sink(predict::collect_averaged(*bundle_.classifier, all, options, tta_options(options_)));
}

const core::OptionTable& PredictorOptions::fields() {
  static const core::OptionTable table(
      "predictor",
      {core::field<&PredictorOptions::batch_size>("batch_size", "images computed at once", {1, 65536}),
       core::field<&PredictorOptions::num_workers>("num_workers",
                                                   "loading threads; by default as many as `threads` says", {1, 512}),
       core::field<&PredictorOptions::precision>(
           "precision",
           "fp32 (exact), auto or bf16 (faster where the processor computes it; differs by "
           "about 1e-2 in the logits)"),
       core::field<&PredictorOptions::device>("device", "cpu, cuda, cuda:N or auto"),
       core::field<&PredictorOptions::tta>(
           "tta", "test-time augmentation: average with so many draws of each image; 0: none", {0, 1000}),
       core::field<&PredictorOptions::tta_beta>("tta_beta", "share of the plain prediction in it", {0, 1}),
       core::field<&PredictorOptions::raw>("raw",
                                           "the logits' own probabilities, without the temperature of `calibrate`"),
       core::field<&PredictorOptions::max_pixels>("max_pixels", "an image that claims more pixels counts as unreadable",
                                                  {1, 1e12}),
       core::field<&PredictorOptions::decode>("decode",
                                              "scaled: large JPEGs at a half to an eighth of their size, several times "
                                              "as fast; full: every pixel, as programs that run an exported model")});
  return table;
}

}  // namespace margay::serve
