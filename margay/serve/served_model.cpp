#include "margay/serve/served_model.h"

#include <future>
#include <utility>

#include "margay/bundle/bundle.h"
#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/serve/predictor.h"

namespace margay::serve {
namespace {

constexpr std::size_t kVersionDigits = 16;

ModelFacts facts_of(const std::string& name, const Predictor& predictor) {
  const bundle::Bundle& bundle = predictor.bundle();
  ModelFacts facts{.name = name,
                   .architecture = bundle.classifier->options().architecture,
                   .precision = core::to_text(predictor.precision()),
                   .device = predictor.device().str(),
                   .labels = bundle.vocabulary.names(),
                   .is_multi_label = predictor.is_multi_label(),
                   .size = predictor.pipeline().output_size(),
                   .temperature = predictor.calibration().temperature,
                   .is_calibrated = predictor.calibration().is_fitted(),
                   .training = bundle.training_inputs};
  if (bundle.unknown) facts.alpha = bundle.unknown->alpha();
  return facts;
}

/// Why the model must not be served; "" where it may be. Fills the facts.
std::string compare_golden(const Predictor& predictor, ModelFacts& facts) {
  const std::optional<bundle::GoldenImages>& golden = predictor.bundle().golden;
  if (!golden) return "";
  const torch::Tensor inputs = bundle::golden_inputs(*golden, predictor.pipeline()).to(predictor.device());
  facts.golden_images = static_cast<int>(golden->logits.size());
  facts.golden_difference = bundle::golden_difference(*golden, predictor.predict_inputs(inputs).logits);
  return bundle::golden_problem(facts.golden_difference, predictor.precision());
}

}  // namespace

ServedModel::ServedModel(ModelFacts facts, std::unique_ptr<const Predictor> predictor)
    : facts_(std::move(facts)), predictor_(std::move(predictor)) {}

ServedModel::~ServedModel() = default;

std::shared_ptr<const ServedModel> ServedModel::load(const std::string& name, const std::filesystem::path& file,
                                                     const PredictorOptions& options) {
  std::future<std::string> hash = std::async(std::launch::async, [&] { return core::sha256_of_file(file); });
  auto predictor = std::make_unique<const Predictor>(bundle::load_bundle(file, bundle::GoldenCheck::kLater), options);
  ModelFacts facts = facts_of(name, *predictor);
  const std::string problem = compare_golden(*predictor, facts);
  if (!problem.empty()) throw core::FormatError(file, problem);
  predictor->warm_up();
  facts.file = file;
  facts.sha256 = hash.get();
  facts.version = facts.sha256.substr(0, kVersionDigits);
  return std::make_shared<const ServedModel>(std::move(facts), std::move(predictor));
}

std::shared_ptr<const ServedModel> ServedModel::of_bundle(const std::string& name, bundle::Bundle bundle,
                                                          const PredictorOptions& options) {
  auto predictor = std::make_unique<const Predictor>(std::move(bundle), options);
  ModelFacts facts = facts_of(name, *predictor);
  const std::string problem = compare_golden(*predictor, facts);
  if (!problem.empty()) throw core::Error(name + ": " + problem);
  predictor->warm_up();
  return std::make_shared<const ServedModel>(std::move(facts), std::move(predictor));
}

}  // namespace margay::serve
