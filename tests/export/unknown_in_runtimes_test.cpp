#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/core/field_type.h"
#include "margay/export/export_bundle.h"
#include "margay/export/onnx_names.h"
#include "margay/export/runtime.h"
#include "margay/predict/inference.h"
#include "tests/support/temporary_folder.h"

namespace margay::exporting {
namespace {

constexpr std::int64_t kClassCount = 4;
constexpr std::int64_t kDepth = 64;  ///< features of resnet20

predict::UnknownScorer random_scorer(predict::UnknownScore score) {
  predict::UnknownScorer scorer{.score = score};
  if (score == predict::UnknownScore::kMahalanobis) {
    scorer.mahalanobis = predict::MahalanobisDistances{
        .directions = torch::randn({2, kDepth}, torch::kDouble).to(torch::kHalf).to(torch::kDouble),
        .scales = torch::tensor({3.0, 5.0}, torch::kDouble),
        .centre = torch::tensor({0.5, -1.0}, torch::kDouble),
        .class_places = torch::randn({kClassCount, 2}),
        .between = torch::tensor({4.0, 0.5}, torch::kDouble)};
  }
  if (score == predict::UnknownScore::kNearest) {
    scorer.known = predict::KnownRows{.rows = predict::unit_rows(torch::randn({40, kDepth})),
                                      .members = torch::ones({40, kClassCount}, torch::kBool),
                                      .k = 3};
  }
  return scorer;
}

/// The scores of some images, and a network that tells others by them.
bundle::Bundle telling_bundle(predict::UnknownScore score) {
  torch::manual_seed(5);
  bundle::Bundle bundle;
  bundle.classifier = model::make_classifier({.architecture = "resnet20", .num_classes = kClassCount, .image_px = 32});
  bundle.classifier->eval();
  bundle.vocabulary = data::Vocabulary({"a", "b", "c", "d"});
  bundle.transforms.augment.size = 32;
  bundle.transforms.resize.size = 32;
  const torch::NoGradGuard no_grad;
  const predict::LogitsAndFeatures outputs =
      predict::outputs_of_batch(*bundle.classifier, torch::randn({30, 3, 32, 32}),
                                predict::NetworkOutput::kLogitsAndFeatures, model::Precision::kFp32);
  const predict::UnknownScorer scorer = random_scorer(score);
  bundle.unknown.emplace(scorer, 0.05, predict::RefusalGuarantee::kSplit,
                         std::vector{predict::KnownScores(scorer.scores(outputs.logits, outputs.features))});
  return bundle;
}

std::vector<Runner> runners_at_hand() {
  std::vector<Runner> runners = installed_runners();
  if (const char* const command = std::getenv("MARGAY_ONNX_RUNNER")) {
    runners.push_back({.name = command, .command = command});
  }
  return runners;
}

void expect_same_p_known(const bundle::Bundle& bundle, Runtime& runtime) {
  const torch::NoGradGuard no_grad;
  const predict::InferenceOptions options{.unknown = &*bundle.unknown};
  for (int i = 0; i < 4; ++i) {
    const torch::Tensor image = torch::randn({1, 3, 32, 32}) * (i + 1);
    const predict::Predictions expected = predict::predict_batch(*bundle.classifier, image, options);
    const RuntimeOutputs outputs = runtime.run({float_tensor(
        kTensorInput, {1, 3, 32, 32}, {image.data_ptr<float>(), static_cast<std::size_t>(image.numel())})});
    EXPECT_NEAR(outputs.at(kKnownOutput).floats().at(0), expected.p_known[0].item<double>(), 1e-6)
        << runtime.name() << " " << core::to_text(bundle.unknown->scorer().score);
  }
}

/// OpenCV 4.6 and 4.10 lack TopK, which nearest takes.
TEST(UnknownInRuntimes, IsWhatMargaySays) {
  const std::vector<Runner> runners = runners_at_hand();
  if (runners.empty()) GTEST_SKIP() << "no runtime: install libopencv-dnn-dev and build again";
  const testing_support::TemporaryFolder folder;
  for (const auto score : {predict::UnknownScore::kMaxLogit, predict::UnknownScore::kEnergy,
                           predict::UnknownScore::kMahalanobis, predict::UnknownScore::kNearest}) {
    const bundle::Bundle bundle = telling_bundle(score);
    write_onnx(folder / "m.onnx", onnx_of(bundle, {.input = OnnxInput::kTensor}));
    for (const Runner& runner : runners) {
      if (runner.name == "opencv" && score == predict::UnknownScore::kNearest) continue;
      expect_same_p_known(bundle, *start_runner(runner, folder / "m.onnx"));
    }
  }
}

}  // namespace
}  // namespace margay::exporting
