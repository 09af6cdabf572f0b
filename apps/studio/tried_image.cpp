#include "apps/studio/tried_image.h"

#include <chrono>
#include <span>
#include <utility>

#include <torch/utils.h>

#include "margay/core/random.h"
#include "margay/data/image/write_image.h"
#include "margay/interpret/mapped_image.h"
#include "margay/serve/predictor.h"
#include "margay/serve/served_model.h"

namespace margay::studio {
namespace {

using TryClock = std::chrono::steady_clock;

constexpr int kShownPx = 224;  // at least
constexpr int kShownQuality = 88;

double ms_since(TryClock::time_point begin) {
  return std::chrono::duration<double, std::milli>(TryClock::now() - begin).count();
}

/// float [1,3,S,S], channels-last as loaders give it.
torch::Tensor network_input(const data::ImagePipeline& pipeline, const data::ImageSource& image) {
  const std::int64_t side = pipeline.output_size();
  torch::Tensor pixels = torch::empty({1, side, side, 3});
  pipeline.run(image, data::Phase::kValid, core::Random{0}, pixels.data_ptr<float>());  // validation draws nothing
  return pixels.permute({0, 3, 1, 2});
}

std::span<const float> row_of(const torch::Tensor& rows) {
  return {rows.data_ptr<float>(), static_cast<std::size_t>(rows.size(1))};
}

routes::ImagePrediction prediction_of(const serve::Predictor& predictor, const predict::Predictions& predictions,
                                      const std::string& name, int top) {
  const torch::Tensor logits = predictions.logits.contiguous();
  const torch::Tensor probabilities = predictions.probabilities.contiguous();
  routes::ImageOutputs outputs{.logits = row_of(logits), .probabilities = row_of(probabilities)};
  if (predictions.p_known.defined()) outputs.p_known = predictions.p_known[0].item<double>();
  return routes::image_prediction(name, outputs, predictor.vocabulary().names(), predictor.task(),
                                  {.top = top, .alpha = predictions.alpha});
}

/// The map of the class that is asked for, or of the predicted one.
void add_map(const serve::Predictor& predictor, const torch::Tensor& input, const TryOptions& options,
             TriedImage& tried) {
  interpret::MappedImageOptions mapping{.activation = predict::activation_of(predictor.task()),
                                        .calibration = predictor.calibration(),
                                        .precision = predictor.precision()};
  if (options.label) mapping.classes = {predictor.vocabulary().index(*options.label)};
  const data::Batch batch{.images = input.to(predictor.device()), .draws = {}, .targets = {}, .ids = {0}};
  const interpret::MappedImage mapped =
      interpret::map_batch(*predictor.bundle().classifier, batch, predictor.bundle().transforms.normalization, mapping)
          .at(0);
  const interpret::ClassMap& map = options.label ? mapped.maps.back() : mapped.maps.front();
  tried.map_label = predictor.vocabulary().name(map.class_index);
  tried.seen = data::encode_jpeg(interpret::enlarged_image(mapped.image, kShownPx), kShownQuality);
  tried.map = data::encode_jpeg(interpret::overlay_map(mapped.image, map, {.min_side_px = kShownPx}), kShownQuality);
}

}  // namespace

TriedImage try_image(const serve::ServedModel& model, const std::string& name, const serve::ImageBytes& bytes,
                     const TryOptions& options) {
  const torch::NoGradGuard no_grad;
  const serve::Predictor& predictor = model.predictor();
  if (options.label) predictor.vocabulary().index(*options.label);  // refused before the work
  auto begin = TryClock::now();
  const data::ImagePipeline pipeline(predictor.bundle().transforms, options.max_pixels);
  const torch::Tensor input = network_input(pipeline, data::ImageSource(std::filesystem::path(name), bytes));
  TriedImage tried;
  tried.times.decoded_ms = ms_since(begin);
  begin = TryClock::now();
  const predict::Predictions predictions = predictor.predict_inputs(input.to(predictor.device()));
  const torch::Tensor logits = predictions.logits.contiguous();
  const auto row = row_of(logits);
  tried.logits.assign(row.begin(), row.end());
  tried.features = predictions.features;
  tried.prediction = prediction_of(predictor, predictions, name, options.top);
  tried.times.predicted_ms = ms_since(begin);
  begin = TryClock::now();
  add_map(predictor, input, options, tried);
  tried.times.mapped_ms = ms_since(begin);
  return tried;
}

}  // namespace margay::studio
