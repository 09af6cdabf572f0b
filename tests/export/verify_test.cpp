#include "margay/export/verify.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/random.h"
#include "margay/data/image/write_image.h"
#include "margay/export/export_bundle.h"
#include "margay/export/onnx_names.h"
#include "margay/predict/inference.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_scale.h"
#include "tests/support/thrown_message.h"

namespace margay::exporting {
namespace {

namespace fs = std::filesystem;

/// Commands of runners that take pixels: what MARGAY_ONNX_RUNNER says, as ./test --all does.
std::vector<std::string> runners_of_the_environment() {
  const char* const command = std::getenv("MARGAY_ONNX_RUNNER");
  return command == nullptr ? std::vector<std::string>() : std::vector<std::string>{command};
}

/// Waves of some pixels' length.
core::Image smooth_image(int height, int width, int seed) {
  core::Image image(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const double wave = std::sin(0.31 * seed * x + c) * std::cos(0.23 * y * (c + 1) + seed);
        image.pixels[static_cast<std::size_t>((y * width + x) * 3 + c)] = static_cast<std::uint8_t>(127.5 + 120 * wave);
      }
    }
  }
  return image;
}

/// A model with random weights, images, and ONNX files made from it.
class Verify : public ::testing::Test {
 protected:
  Verify() {
    torch::manual_seed(22);
    bundle_.classifier = model::make_classifier({.architecture = "resnet20", .num_classes = 4});
    bundle_.classifier->eval();
    bundle_.vocabulary = data::Vocabulary({"cat", "dog", "élan", "<fox>"});
    bundle_.transforms.augment.size = 32;
    bundle_.transforms.resize.size = 32;
    bundle::save_bundle(model_, bundle_);
    fs::create_directory(folder_ / "images");
    std::vector<fs::path> paths;
    for (int i = 0; i < 3; ++i) {
      paths.push_back(folder_ / "images" / fmt::format("{} & co.png", i));
      data::write_png(paths.back(), smooth_image(40 + 7 * i, 51 - 3 * i, 1 + i));
    }
    images_ = std::make_shared<data::Dataset>(data::Dataset::unlabelled(paths));
    options_.ignore_hashes = true;
  }

  OnnxModel exported(OnnxInput input) const {
    return onnx_of(bundle_, {.input = input}, {.name = "m.margay", .sha256 = core::sha256_of_file(model_)});
  }

  Certificate certificate_of(const OnnxModel& model) {
    write_onnx(folder_ / "m.onnx", model);
    return certificate_of_file();
  }

  Certificate certificate_of_file() {
    const OnnxFile file = read_onnx(folder_ / "m.onnx");
    const data::ImagePipeline pipeline(bundle_.transforms);
    const auto predict = [&](const torch::Tensor& inputs) {
      return predict::predict_batch(*bundle_.classifier, inputs, {});
    };
    return verify({.onnx = file,
                   .model = model_,
                   .bundle = bundle_,
                   .pipeline = pipeline,
                   .predict = predict,
                   .folder = folder_ / "images",
                   .images = images_,
                   .options = options_});
  }

  /// Whether something at hand runs files that begin so; if so it is used.
  bool has_runtime(OnnxInput input) {
    options_.runner = runners_of_the_environment();
    const std::vector<Runner> installed = installed_runners();
    return !options_.runner.empty() || std::any_of(installed.begin(), installed.end(), [&](const Runner& runner) {
      return input == OnnxInput::kTensor || runner.takes_pixels;
    });
  }

  testing_support::TemporaryFolder folder_;
  fs::path model_ = folder_ / "m.margay";
  bundle::Bundle bundle_;
  std::shared_ptr<const data::Dataset> images_;
  VerifyOptions options_;
};

std::string all_of(const std::vector<std::string>& reasons) { return fmt::format("{}", fmt::join(reasons, "\n")); }

TEST_F(Verify, PassesTheFileOfAModelInEveryRuntime) {
  int runs = 0;
  options_.ignore_hashes = false;
  for (const OnnxInput input : {OnnxInput::kTensor, OnnxInput::kPixels}) {
    if (!has_runtime(input)) continue;
    ++runs;
    const Certificate certificate = certificate_of(exported(input));
    EXPECT_TRUE(certificate.passes()) << all_of(certificate.reasons());
    EXPECT_EQ(certificate.images, 3);
    EXPECT_EQ(certificate.images_sha256.size(), 64U);
    for (const RuntimeVerdict& runtime : certificate.runtimes) {
      EXPECT_EQ(runtime.images, 3) << runtime.problem;
      EXPECT_GT(runtime.logit_range, 0);
      EXPECT_GT(runtime.speed.images_per_s, 0);
    }
  }
  if (runs == 0) GTEST_SKIP() << "no runtime: install libopencv-dnn-dev and build again, or set MARGAY_ONNX_RUNNER";
}

TEST_F(Verify, WritesTheCertificateAsJsonAndAsAPage) {
  if (!has_runtime(OnnxInput::kTensor)) GTEST_SKIP() << "no runtime: install libopencv-dnn-dev and build again";
  const Certificate certificate = certificate_of(exported(OnnxInput::kTensor));
  write_certificate(certificate);
  std::ifstream file((folder_ / "m.onnx").string() + ".certificate.json");
  const auto json = nlohmann::json::parse(file);
  EXPECT_EQ(json.at("passes"), certificate.passes());
  EXPECT_EQ(json.at("onnx").at("sha256"), core::sha256_of_file(folder_ / "m.onnx"));
  EXPECT_EQ(json.at("model").at("sha256"), core::sha256_of_file(model_));
  EXPECT_EQ(json.at("images").at("compared"), 3);
  EXPECT_EQ(json.at("runtimes").size(), certificate.runtimes.size());
  EXPECT_GT(json.at("runtimes").at(0).at("logits").at("range"), 0);
  std::ifstream page((folder_ / "m.onnx").string() + ".certificate.html");
  const std::string html{std::istreambuf_iterator<char>(page), {}};
  EXPECT_NE(html.find("Passes."), std::string::npos);
  EXPECT_NE(html.find(certificate.runtimes[0].name), std::string::npos);
}

TEST_F(Verify, SaysWhatReadingLargeJpegsAtAPartOfTheirSizeChanges) {
  if (!has_runtime(OnnxInput::kTensor)) GTEST_SKIP() << "no runtime: install libopencv-dnn-dev and build again";
  const fs::path large = folder_ / "images" / "large.jpg";
  data::write_jpeg(large, smooth_image(300, 340, 2));
  images_ = std::make_shared<data::Dataset>(data::Dataset::unlabelled({folder_ / "images" / "0 & co.png", large}));
  const Certificate certificate = certificate_of(exported(OnnxInput::kTensor));
  EXPECT_TRUE(certificate.passes()) << all_of(certificate.reasons());
  ASSERT_TRUE(certificate.scaled_decoding.has_value());
  EXPECT_EQ(certificate.scaled_decoding->images, 1);
  EXPECT_EQ(certificate.scaled_decoding->probabilities.image, "large.jpg");
  EXPECT_GT(certificate.scaled_decoding->probabilities.value, 0);
  EXPECT_EQ(certificate.json().at("margay").at("scaled_decoding").at("images"), 1);
  EXPECT_NE(certificate.html().find("told to decode them whole"), std::string::npos);
}

TEST_F(Verify, FailsByHashWhateverTheNumbersSay) {
  if (!has_runtime(OnnxInput::kTensor)) GTEST_SKIP() << "no runtime: install libopencv-dnn-dev and build again";
  options_.ignore_hashes = false;
  write_onnx(folder_ / "m.onnx", exported(OnnxInput::kTensor));
  std::string bytes;
  {
    std::ifstream file(folder_ / "m.onnx", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  bytes.at(bytes.find("resnet20")) = 'R';  // in the metadata
  std::ofstream(folder_ / "m.onnx", std::ios::binary) << bytes;
  const Certificate changed = certificate_of_file();
  EXPECT_FALSE(changed.passes());
  EXPECT_NE(all_of(changed.reasons()).find("is not as it was written"), std::string::npos) << all_of(changed.reasons());
  OnnxModel other = exported(OnnxInput::kTensor);
  for (auto& [key, value] : other.metadata) {
    if (key == kSourceKey) value = std::string(64, 'a');
  }
  EXPECT_NE(all_of(certificate_of(other).reasons()).find("made from another model file"), std::string::npos);
  options_.ignore_hashes = true;
  EXPECT_TRUE(certificate_of(other).passes());
}

TEST_F(Verify, NamesRunnersThatFailAndGoesOn) {
  options_.runner = {"false", "echo rubbish; :"};
  const Certificate certificate = certificate_of(exported(OnnxInput::kTensor));
  EXPECT_FALSE(certificate.passes());
  EXPECT_NE(all_of(certificate.reasons()).find("false broke down"), std::string::npos);
  EXPECT_NE(all_of(certificate.reasons()).find("rubbish"), std::string::npos);
  EXPECT_EQ(certificate.runtimes.size(), installed_runners().size() + 2);
  for (const RuntimeVerdict& runtime : certificate.runtimes) {
    EXPECT_NE(runtime.passes(), runtime.was_asked_for) << runtime.problem << all_of(runtime.breaches);
  }
}

TEST_F(Verify, SaysThatNoRuntimeIsAtHand) {
  for (const Runner& runner : installed_runners()) {
    if (runner.takes_pixels) GTEST_SKIP() << runner.name << " is installed";
  }
  write_onnx(folder_ / "m.onnx", exported(OnnxInput::kPixels));
  const std::string problem = testing_support::thrown_message<core::Error>([&] { certificate_of_file(); });
  EXPECT_NE(problem.find("there is no runtime at hand"), std::string::npos);
  EXPECT_NE(problem.find("`runner`"), std::string::npos);
}

TEST_F(Verify, GrantsPKnownOneStepOfFewCalibrationImages) {
  options_.runner = {"false"};
  bundle_.unknown.emplace(predict::UnknownScorer{}, 0.4, predict::RefusalGuarantee::kSplit,
                          std::vector{predict::KnownScores(torch::tensor({-1.0F, -2.0F, -3.0F}))});
  EXPECT_NEAR(certificate_of(exported(OnnxInput::kTensor)).bounds.max_known_difference, 0.25, 1e-3);
  bundle_.unknown.emplace(predict::UnknownScorer{}, 0.4, predict::RefusalGuarantee::kSplit,
                          std::vector{predict::KnownScores(torch::rand({99}))});
  EXPECT_EQ(certificate_of(exported(OnnxInput::kTensor)).bounds.max_known_difference, 0.02);
}

TEST_F(Verify, NeedsImages) {
  options_.runner = {"false"};
  images_ = std::make_shared<data::Dataset>(data::Dataset::unlabelled({folder_ / "images" / "none.png"}));
  write_onnx(folder_ / "m.onnx", exported(OnnxInput::kTensor));
  EXPECT_THROW(certificate_of_file(), core::DataError);
}

/// Another model in place of the one that was exported: what a reader of the file could not see.
class Mutations {
 public:
  explicit Mutations(const bundle::Bundle& bundle) : bundle_(bundle) {}

  OnnxModel mutated(OnnxInput input, core::Random& random, std::string& what) const {
    const std::uint64_t kind = random.below(input == OnnxInput::kPixels ? 6 : 2);
    if (kind == 0) return with_flipped_exponent(input, random, what);
    if (kind == 1) return with_swapped_classes(input, random, what);
    if (kind == 2) return with_resize(random, what);
    return with_transforms(kind, random, what);
  }

 private:
  OnnxModel exported(const bundle::Bundle& bundle, OnnxInput input) const { return onnx_of(bundle, {.input = input}); }

  /// Of a weight at least half as large as the mean of its tensor: a smaller one says next to nothing.
  OnnxModel with_flipped_exponent(OnnxInput input, core::Random& random, std::string& what) const {
    OnnxModel model = exported(bundle_, input);
    std::vector<OnnxTensor*> weights;
    for (OnnxTensor& tensor : model.tensors) {
      if (tensor.type == OnnxType::kFloat && tensor.shape.size() > 1 && tensor.size() > 8) weights.push_back(&tensor);
    }
    OnnxTensor& tensor = *weights[random.below(weights.size())];
    std::vector<float> values = floats_of(tensor);
    double mean = 0;
    for (const float value : values) mean += std::abs(value) / static_cast<double>(values.size());
    std::size_t at = random.below(values.size());
    while (std::abs(values[at]) < mean / 2) at = (at + 1) % values.size();
    const auto bit = static_cast<unsigned>(23 + random.below(8));
    std::uint32_t bits = 0;
    std::memcpy(&bits, &values[at], sizeof bits);
    bits ^= 1U << bit;
    const float before = values[at];
    std::memcpy(&values[at], &bits, sizeof bits);
    what = fmt::format("bit {} of {}[{}]: {} becomes {}", bit, tensor.name, at, before, values[at]);
    tensor = onnx_floats(tensor.name, tensor.shape, values);
    return model;
  }

  OnnxModel with_swapped_classes(OnnxInput input, core::Random& random, std::string& what) const {
    bundle::Bundle other = bundle_;
    std::vector<std::string> classes = bundle_.vocabulary.names();
    const std::size_t first = random.below(classes.size() - 1);
    std::swap(classes[first], classes[first + 1]);
    other.vocabulary = data::Vocabulary(classes);
    what = fmt::format("classes {} and {} change places", first, first + 1);
    return exported(other, input);
  }

  /// ONNX's own resizing in place of Margay's, in one of the two ways that exported models mostly have.
  OnnxModel with_resize(core::Random& random, std::string& what) const {
    OnnxModel model = exported(bundle_, OnnxInput::kPixels);
    const bool takes_nearest = random.below(2) == 0;
    what = takes_nearest ? "nearest pixels" : "no antialiasing";
    const std::int64_t side = bundle_.transforms.resize.size;
    model.tensors.push_back(onnx_integers("other_sides", {4}, std::vector<std::int64_t>{1, side, side, 3}));
    OnnxNode& last = node_of(model, "input/vertical/bytes");
    last.op = "Resize";
    last.inputs = {node_of(model, "input/turned").inputs[0], "", "", "other_sides"};
    last.attributes = {{"mode", std::string(takes_nearest ? "nearest" : "linear")}};
    return model;
  }

  static OnnxNode& node_of(OnnxModel& model, const std::string& name) {
    const auto found =
        std::find_if(model.nodes.begin(), model.nodes.end(), [&](const OnnxNode& node) { return node.name == name; });
    if (found == model.nodes.end()) throw std::logic_error("no node is called " + name);
    return *found;
  }

  OnnxModel with_transforms(std::uint64_t kind, core::Random& random, std::string& what) const {
    bundle::Bundle other = bundle_;
    if (kind == 3) {
      const std::size_t channel = random.below(3);
      other.transforms.normalization.mean[channel] += random.uniform(0.01, 0.1);
      what = fmt::format("another mean of channel {}", channel);
    } else if (kind == 4) {
      other.transforms.resize.size += 1 + static_cast<int>(random.below(8));
      what = "another size before the crop";
    } else {
      other.transforms.resize.method = random.below(2) == 0 ? data::ResizeMethod::kSquish : data::ResizeMethod::kPad;
      what = "squished or padded in place of cropped";
    }
    return exported(other, OnnxInput::kPixels);
  }

  const bundle::Bundle& bundle_;
};

/// Hashes are ignored, and each file is sealed anew: what it computes must tell.
TEST_F(Verify, RejectsEveryMutationByParityAlone) {
  const bool has_pixels = has_runtime(OnnxInput::kPixels);
  if (!has_pixels && !has_runtime(OnnxInput::kTensor))
    GTEST_SKIP() << "no runtime: install libopencv-dnn-dev and build again";
  const OnnxInput input = has_pixels ? OnnxInput::kPixels : OnnxInput::kTensor;
  ASSERT_TRUE(certificate_of(exported(input)).passes());
  const Mutations mutations(bundle_);
  const int count = testing_support::scaled(3, 50);
  for (int i = 0; i < count; ++i) {
    core::Random random{22, static_cast<std::uint64_t>(i)};
    std::string what;
    const OnnxModel model = mutations.mutated(input, random, what);
    EXPECT_FALSE(certificate_of(model).passes()) << "mutation " << i << ": " << what;
  }
}

}  // namespace
}  // namespace margay::exporting
