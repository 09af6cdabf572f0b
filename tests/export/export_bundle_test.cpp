#include "margay/export/export_bundle.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/export/onnx_names.h"
#include "margay/export/pixel_graph.h"
#include "margay/export/unknown_graph.h"
#include "margay/metric/metric.h"
#include "tests/export/onnx_interpreter.h"
#include "tests/support/test_scale.h"
#include "tests/support/thrown_message.h"

namespace margay::exporting {
namespace {

using testing_support::OnnxInterpreter;
using testing_support::thrown_message;

struct ExportedNetwork {
  const char* architecture;
  std::int64_t image_px = 64;
  model::HeadOptions head = {.kind = model::HeadKind::kPublished};
};

bundle::Bundle bundle_of(const ExportedNetwork& network) {
  torch::manual_seed(1);
  bundle::Bundle bundle;
  bundle.classifier = model::make_classifier(
      {.architecture = network.architecture, .num_classes = 3, .image_px = network.image_px, .head = network.head});
  // Statistics that a training would leave, so that norms and their order matter.
  const torch::NoGradGuard no_grad;
  for (const auto& buffer : bundle.classifier->named_buffers()) {
    if (buffer.key().ends_with("running_mean")) buffer.value().normal_(0, 0.1);
    if (buffer.key().ends_with("running_var")) buffer.value().uniform_(0.5, 1.5);
  }
  bundle.classifier->eval();
  bundle.vocabulary = data::Vocabulary({"cat", "dog", "élan"});
  bundle.transforms.augment.size = static_cast<int>(network.image_px);
  bundle.transforms.resize.size = static_cast<int>(network.image_px);
  return bundle;
}

bundle::Bundle small_bundle() { return bundle_of({"resnet20", 32, {.hidden = {16}}}); }

core::Image noisy_image(int height, int width) {
  core::Image image(height, width);
  core::Random random{static_cast<std::uint64_t>(height * 1000 + width)};
  for (std::uint8_t& value : image.pixels) value = static_cast<std::uint8_t>(random.below(256));
  return image;
}

torch::Tensor pixels_of(const core::Image& image) {
  torch::Tensor pixels = torch::empty({1, image.height, image.width, 3}, torch::kByte);
  std::copy(image.pixels.begin(), image.pixels.end(), pixels.data_ptr<std::uint8_t>());
  return pixels;
}

/// What the pipeline makes of a decoded image: float [1,3,S,S].
torch::Tensor network_input(const data::ImagePipeline& pipeline, const core::Image& image) {
  core::Random random{0};
  const core::Image item = pipeline.item_transform().apply(image, data::Phase::kValid, random);
  const std::int64_t side = pipeline.output_size();
  torch::Tensor input = torch::empty({1, side, side, 3});
  pipeline.finish(item, data::Phase::kValid, random, input.data_ptr<float>());
  return input.permute({0, 3, 1, 2}).contiguous();
}

torch::Tensor logits_of(const bundle::Bundle& bundle, const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  return bundle.classifier->forward(images);
}

double largest(const torch::Tensor& difference) { return difference.abs().max().item<double>(); }

/// Relative to the range of the logits.
void expect_equal_logits(const bundle::Bundle& bundle, const OnnxOptions& options) {
  const torch::NoGradGuard no_grad;
  const auto side = bundle.transforms.augment.size;
  const torch::Tensor images = torch::randn({2, 3, side, side});
  const OnnxModel model = onnx_of(bundle, options);
  check_onnx(model);
  const torch::Tensor exported = OnnxInterpreter(model).run({{kTensorInput, images}}).at(kLogitsOutput);
  const torch::Tensor expected = logits_of(bundle, images);
  ASSERT_EQ(exported.sizes(), expected.sizes());
  const double range = (expected.max() - expected.min()).item<double>();
  EXPECT_GT(range, 0);
  EXPECT_LE(largest(exported - expected), 1e-4 * range) << bundle.classifier->options().architecture;
}

class ExportedNetworks : public testing::TestWithParam<ExportedNetwork> {};

TEST_P(ExportedNetworks, ComputeTheLogitsOfTheModel) {
  expect_equal_logits(bundle_of(GetParam()), {.input = OnnxInput::kTensor, .opset = 18});
}

INSTANTIATE_TEST_SUITE_P(OfEveryFamily, ExportedNetworks,
                         testing::Values(ExportedNetwork{"resnet18", 65}, ExportedNetwork{"resnet18d"},
                                         ExportedNetwork{"resnext50_32x4d", 33}, ExportedNetwork{"densenet121", 32},
                                         ExportedNetwork{"squeezenet1_0", 65}, ExportedNetwork{"squeezenet1_1"},
                                         ExportedNetwork{"mobilenet_v2"}, ExportedNetwork{"mobilenet_v3_small"},
                                         ExportedNetwork{"efficientnet_b0"}, ExportedNetwork{"convnext_tiny"},
                                         ExportedNetwork{"vit_tiny_patch16_224"}, ExportedNetwork{"swin_t", 96},
                                         ExportedNetwork{"vgg16", 64, {.kind = model::HeadKind::kLinear}},
                                         ExportedNetwork{"resnet20", 32}),
                         [](const auto& network) { return std::string(network.param.architecture); });

TEST(ExportedBundle, HasFastaisHeadInEveryForm) {
  const std::vector<model::HeadOptions> heads = {{.hidden = {16}},
                                                 {.hidden = {16, 8}, .dropout = {0.1, 0.2, 0.3}, .lin_first = true},
                                                 {.hidden = {}, .concat_pool = false},
                                                 {.hidden = {16}, .bn_final = true},
                                                 {.kind = model::HeadKind::kLinear}};
  for (const model::HeadOptions& head : heads) {
    expect_equal_logits(bundle_of({"resnet20", 32, head}), {.input = OnnxInput::kTensor});
  }
}

TEST(ExportedBundle, ComputesTheSameAtOpset17) {
  expect_equal_logits(bundle_of({"convnext_tiny", 32}), {.input = OnnxInput::kTensor, .opset = 17});
}

TEST(ExportedBundle, TakesAnyNumberOfImages) {
  const bundle::Bundle bundle = bundle_of({"vit_tiny_patch16_224", 32});
  const OnnxModel model = onnx_of(bundle, {.input = OnnxInput::kTensor});
  for (const std::int64_t images : {1, 3}) {
    const torch::Tensor input = torch::randn({images, 3, 32, 32});
    EXPECT_EQ(OnnxInterpreter(model).run({{kTensorInput, input}}).at(kLogitsOutput).size(0), images);
  }
}

TEST(ExportedBundle, GoesFromPixelsToCalibratedProbabilities) {
  bundle::Bundle bundle = small_bundle();
  bundle.calibration.temperature = 1.7;
  const core::Image image = noisy_image(47, 61);
  const auto outputs = OnnxInterpreter(onnx_of(bundle)).run({{kPixelsInput, pixels_of(image)}});
  const torch::Tensor logits = logits_of(bundle, network_input(data::ImagePipeline(bundle.transforms), image));
  EXPECT_LE(largest(outputs.at(kLogitsOutput) - logits), 1e-4);
  EXPECT_LE(largest(outputs.at(kProbabilitiesOutput) - (outputs.at(kLogitsOutput) / 1.7).softmax(1)), 1e-6);
}

TEST(ExportedBundle, HasSigmoidsForSeveralLabels) {
  bundle::Bundle bundle = small_bundle();
  bundle.task = data::Task::kMultiLabel;
  const auto outputs = OnnxInterpreter(onnx_of(bundle)).run({{kPixelsInput, pixels_of(noisy_image(40, 40))}});
  EXPECT_LE(largest(outputs.at(kProbabilitiesOutput) - outputs.at(kLogitsOutput).sigmoid()), 1e-6);
}

/// A way of resizing, and the side of what the network sees.
struct ResizingCase {
  const char* name;
  data::ResizeOptions resize;
  int shown_px;
};

class ExportedPixels : public testing::TestWithParam<ResizingCase> {};

/// The pixel part alone.
OnnxModel pixel_model(const data::Transforms& transforms) {
  OnnxBuilder onnx(18);
  onnx.model().inputs.push_back({.name = kPixelsInput, .type = OnnxType::kUint8});
  const std::string result = add_pixels(onnx, transforms, kPixelsInput);
  onnx.model().outputs.push_back({.name = result});
  OnnxModel model = onnx.take();
  check_onnx(model);
  return model;
}

torch::Tensor run_pixels(const OnnxModel& model, const torch::Tensor& pixels) {
  return OnnxInterpreter(model).run({{kPixelsInput, pixels}}).at(model.outputs[0].name);
}

/// Normalised so that values are grey levels.
data::Transforms in_grey_levels(const data::ResizeOptions& resize, int shown_px) {
  data::Transforms transforms{.resize = resize, .augment = {.size = shown_px}};
  transforms.normalization = {{0, 0, 0}, {1.0 / 255, 1.0 / 255, 1.0 / 255}};
  return transforms;
}

/// Sides of images; in the nightly tests those of photographs, too.
std::vector<std::pair<int, int>> image_sides() {
  std::vector<std::pair<int, int>> sides = {{60, 43},  {17, 90},   {1, 5}, {48, 48}, {200, 126},
                                            {63, 117}, {121, 121}, {2, 1}, {1, 1},   {3, 700}};
  core::Random random{22};
  for (int i = 0; i < testing_support::scaled(0, 60); ++i) {
    const auto side = [&] { return static_cast<int>(std::exp(random.uniform(0, std::log(1500)))); };
    sides.emplace_back(side(), side());
  }
  if (testing_support::scaled(0, 1) != 0) sides.insert(sides.end(), {{3000, 4000}, {1, 65'535}, {9000, 7}});
  return sides;
}

TEST_P(ExportedPixels, AreResizedToTheBytesOfThePipeline) {
  const data::Transforms transforms = in_grey_levels(GetParam().resize, GetParam().resize.size);
  const OnnxModel model = pixel_model(transforms);
  const data::Resize resize(GetParam().resize);
  core::Random random{0};
  for (const auto& [height, width] : image_sides()) {
    const core::Image image = noisy_image(height, width);
    const torch::Tensor expected = pixels_of(resize.apply(image, data::Phase::kValid, random)).permute({0, 3, 1, 2});
    EXPECT_TRUE(run_pixels(model, pixels_of(image)).equal(expected.to(torch::kFloat))) << height << "x" << width;
  }
}

TEST_P(ExportedPixels, BecomeWhatThePipelineMakesOfThem) {
  constexpr double kGreyLevels = 1e-3;  // float32 sums of the interpolation
  const data::Transforms transforms = in_grey_levels(GetParam().resize, GetParam().shown_px);
  const OnnxModel model = pixel_model(transforms);
  const data::ImagePipeline pipeline(transforms);
  for (const auto& [height, width] : {std::pair{60, 43}, {17, 90}, {121, 121}}) {
    const core::Image image = noisy_image(height, width);
    const torch::Tensor exported = run_pixels(model, pixels_of(image));
    EXPECT_LE(largest(exported - network_input(pipeline, image)), kGreyLevels) << height << "x" << width;
  }
}

TEST_P(ExportedPixels, AreThoseOfEachImageOfABatch) {
  const OnnxModel model = pixel_model(in_grey_levels(GetParam().resize, GetParam().shown_px));
  const torch::Tensor a = pixels_of(noisy_image(51, 70));
  const torch::Tensor b = a.flip({1}).contiguous();
  const torch::Tensor both = run_pixels(model, torch::cat({a, b}));
  EXPECT_TRUE(both.equal(torch::cat({run_pixels(model, a), run_pixels(model, b)})));
}

using enum data::ResizeMethod;
using enum data::PadMode;

INSTANTIATE_TEST_SUITE_P(
    OfEveryMethod, ExportedPixels,
    testing::Values(ResizingCase{"Crop", {.size = 60, .method = kCrop}, 32},
                    ResizingCase{"CropThatShrinksTwice", {.size = 115, .method = kCrop}, 32},
                    ResizingCase{"CropOfTheSameSize", {.size = 32, .method = kCrop}, 32},
                    ResizingCase{"CropThatIsEnlarged", {.size = 24, .method = kCrop}, 40},
                    ResizingCase{"CropWithUnevenBlocks", {.size = 101, .method = kCrop}, 40},
                    ResizingCase{"Squish", {.size = 46, .method = kSquish}, 32},
                    ResizingCase{"PadWithReflection", {.size = 46, .method = kPad, .pad_mode = kReflection}, 32},
                    ResizingCase{"PadWithZeros", {.size = 46, .method = kPad, .pad_mode = kZeros}, 32},
                    ResizingCase{"PadWithBorder", {.size = 46, .method = kPad, .pad_mode = kBorder}, 32},
                    ResizingCase{"RandomCrop", {.size = 46, .method = kRandomCrop}, 32},
                    ResizingCase{"RandomCropWithoutExtra", {.size = 46, .method = kRandomCrop, .val_xtra = 0}, 32}),
    [](const auto& test) { return test.param.name; });

TEST(ExportedBundle, ShrinksVeryLongImagesBeforeItPadsThem) {
  const data::Transforms transforms = in_grey_levels({.size = 16, .method = kPad}, 16);
  const OnnxModel model = pixel_model(transforms);
  core::Random random{0};
  for (const auto& [height, width] : {std::pair{3, 4500}, {4200, 1}}) {
    const core::Image image = noisy_image(height, width);
    const core::Image item = data::Resize(transforms.resize).apply(image, data::Phase::kValid, random);
    const torch::Tensor expected = pixels_of(item).permute({0, 3, 1, 2}).to(torch::kFloat);
    EXPECT_TRUE(run_pixels(model, pixels_of(image)).equal(expected)) << height << "x" << width;
  }
}

std::map<std::string, std::string> metadata_of(const bundle::Bundle& bundle, const OnnxOptions& options,
                                               const OnnxSource& source = {}) {
  const OnnxModel model = onnx_of(bundle, options, source);
  return {model.metadata.begin(), model.metadata.end()};
}

TEST(ExportedBundle, SaysWhatItIsInItsMetadata) {
  bundle::Bundle bundle = small_bundle();
  bundle.provenance["licence"] = "mit";
  auto metadata = metadata_of(bundle, {}, {"pets.margay", "abc"});
  EXPECT_EQ(metadata[kClassesKey], R"(["cat","dog","élan"])");
  EXPECT_EQ(metadata["margay.task"], "single_label");
  EXPECT_EQ(metadata["margay.image_size"], "32");
  EXPECT_EQ(metadata["margay.licence"], "mit");
  EXPECT_EQ(metadata["margay.source"], "pets.margay");
  EXPECT_EQ(metadata[kSourceKey], "abc");
  EXPECT_EQ(metadata["Image.BitmapPixelFormat"], "Rgb8");
  EXPECT_EQ(metadata["Image.NominalPixelRange"], "NominalRange_0_255");
  metadata = metadata_of(bundle, {.input = OnnxInput::kTensor, .licence = "apache-2.0"});
  EXPECT_EQ(metadata["margay.licence"], "apache-2.0");
  EXPECT_FALSE(metadata.contains("Image.BitmapPixelFormat"));
}

TEST(ExportedBundle, KeepsTheNamesOfTheWeights) {
  const bundle::Bundle bundle = small_bundle();
  const OnnxModel model = onnx_of(bundle, {.input = OnnxInput::kTensor});
  const model::TensorMap state = bundle.classifier->state();
  std::size_t found = 0;
  for (const OnnxTensor& tensor : model.tensors) {
    if (!state.contains(tensor.name)) continue;
    ++found;
    EXPECT_EQ(tensor.shape, state.at(tensor.name).sizes().vec()) << tensor.name;
  }
  const auto counters = std::count_if(state.begin(), state.end(),
                                      [](const auto& each) { return each.first.ends_with("num_batches_tracked"); });
  EXPECT_EQ(found, state.size() - static_cast<std::size_t>(counters));
}

TEST(ExportedBundle, WritesTheSameBytesForTheSameModel) {
  const auto bytes = [] {
    const bundle::Bundle bundle = small_bundle();
    std::string all;
    serialize_onnx(onnx_of(bundle), [&](std::string_view piece) { all += piece; });
    return all;
  };
  EXPECT_EQ(bytes(), bytes());
}

TEST(ExportedBundle, RefusesWhatOnnxCannotSay) {
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { onnx_of(small_bundle(), {.opset = 17}); }),
            "[export] `opset` 17 is for `input` tensor, which resizes nothing: from pixels take 18");
  EXPECT_THROW(onnx_of(small_bundle(), {.input = OnnxInput::kTensor, .opset = 16}), std::invalid_argument);
  EXPECT_THROW(onnx_of(small_bundle(), {.opset = 19}), std::invalid_argument);
  bundle::Bundle bundle = small_bundle();
  bundle.transforms.resize.size = 16;
  bundle.transforms.augment.pad_mode = kZeros;
  EXPECT_NE(thrown_message<core::Error>([&] { onnx_of(bundle); }).find("`augment.pad_mode` is zeros"),
            std::string::npos);
  EXPECT_NO_THROW(onnx_of(bundle, {.input = OnnxInput::kTensor}));
}

TEST(ExportedBundle, RefusesPixelsForANetworkOfOneChannel) {
  bundle::Bundle bundle;
  bundle.classifier =
      model::make_classifier({.architecture = "resnet20", .num_classes = 2, .in_channels = 1, .head = {.hidden = {8}}});
  bundle.classifier->eval();
  bundle.vocabulary = data::Vocabulary({"a", "b"});
  bundle.transforms.augment.size = 32;
  EXPECT_NE(thrown_message<core::Error>([&] { onnx_of(bundle); }).find("images of 1 channels"), std::string::npos);
  EXPECT_NO_THROW(onnx_of(bundle, {.input = OnnxInput::kTensor}));
}

// Images of none of the classes.

constexpr std::int64_t kFeatures = 6;
constexpr std::int64_t kClasses = 3;
constexpr std::int64_t kKnownImages = 40;

predict::UnknownScorer scorer_of(predict::UnknownScore score) {
  predict::UnknownScorer scorer{.score = score};
  if (score == predict::UnknownScore::kMahalanobis) {
    torch::Tensor places = torch::randn({kClasses, 2});
    places[1].fill_(std::numeric_limits<double>::quiet_NaN());  // a class without images
    scorer.mahalanobis = predict::MahalanobisDistances{
        .directions = torch::randn({2, kFeatures}, torch::kDouble).to(torch::kHalf).to(torch::kDouble),
        .scales = torch::tensor({3.0, 5.0}, torch::kDouble),
        .centre = torch::tensor({0.5, -1.0}, torch::kDouble),
        .class_places = places,
        .between = torch::tensor({4.0, 0.5}, torch::kDouble)};
  }
  if (score == predict::UnknownScore::kNearest) {
    const torch::Tensor members = torch::one_hot(torch::arange(kKnownImages) % 2, kClasses).to(torch::kBool);
    scorer.known = predict::KnownRows{
        .rows = predict::unit_rows(torch::randn({kKnownImages, kFeatures})), .members = members, .k = 3};
  }
  return scorer;
}

void expect_same_p(const predict::UnknownDetector& detector) {
  const torch::NoGradGuard no_grad;
  OnnxBuilder onnx(18);
  onnx.model().inputs = {{.name = "z"}, {.name = "f"}};
  const UnknownValues values = add_unknown(onnx, detector, {"z", "f", kClasses});
  onnx.model().outputs = {{.name = values.score}, {.name = values.p_known}};
  const OnnxModel model = onnx.take();
  check_onnx(model);
  const torch::Tensor logits = torch::randn({20, kClasses}) * 3;
  const torch::Tensor features = torch::randn({20, kFeatures});
  const auto outputs = OnnxInterpreter(model).run({{"z", logits}, {"f", features}});
  const torch::Tensor scores = detector.scorer().scores(logits, features);
  ASSERT_EQ(outputs.at(values.score).sizes(), scores.sizes());
  EXPECT_LE(largest(outputs.at(values.score) - scores), 1e-4);
  const torch::Tensor p = detector.p_known(logits, features);
  ASSERT_EQ(outputs.at(values.p_known).sizes(), p.sizes());
  EXPECT_LE(largest(outputs.at(values.p_known) - p), 1e-6);
}

TEST(ExportedUnknown, HasTheScoresAndPValuesOfEveryScore) {
  torch::manual_seed(3);
  for (const auto score : {predict::UnknownScore::kMaxLogit, predict::UnknownScore::kEnergy,
                           predict::UnknownScore::kMahalanobis, predict::UnknownScore::kNearest}) {
    const predict::UnknownScorer scorer = scorer_of(score);
    const auto known = [&] {
      return predict::KnownScores(scorer.scores(torch::randn({31, kClasses}) * 3, torch::randn({31, kFeatures})));
    };
    expect_same_p({scorer, 0.05, predict::RefusalGuarantee::kSplit, {known()}});
    expect_same_p({scorer, 0.05, predict::RefusalGuarantee::kPerClass, {known(), known(), known()}});
  }
}

TEST(ExportedUnknown, ComparesLeftOutRowsWithoutThem) {
  torch::manual_seed(4);
  const predict::UnknownScorer scorer = scorer_of(predict::UnknownScore::kNearest);
  expect_same_p({scorer, 0.05, torch::rand({kKnownImages})});
}

TEST(ExportedUnknown, IsAnOutputOfBundlesThatTellThem) {
  bundle::Bundle bundle = small_bundle();
  bundle.unknown.emplace(predict::UnknownScorer{}, 0.05, predict::RefusalGuarantee::kSplit,
                         std::vector{predict::KnownScores(torch::randn({19}))});
  const auto outputs = OnnxInterpreter(onnx_of(bundle)).run({{kPixelsInput, pixels_of(noisy_image(40, 40))}});
  EXPECT_EQ(outputs.at("unknown_score").sizes(), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(outputs.at(kKnownOutput).sizes(), (std::vector<std::int64_t>{1}));
}

}  // namespace
}  // namespace margay::exporting
