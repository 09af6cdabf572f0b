#include "margay/bundle/bundle.h"

#include <cmath>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/weights/safetensors.h"
#include "margay/model/weights/weights_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::bundle {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;

Bundle small_bundle() {
  Bundle bundle;
  bundle.classifier = model::make_classifier({.architecture = "resnet20", .num_classes = 3, .head = {.hidden = {16}}});
  bundle.vocabulary = data::Vocabulary({"cat", "dog", "élan"});
  bundle.transforms.augment = {.size = 32, .min_scale = 0.5};
  bundle.transforms.resize = {.size = 40};
  bundle.provenance = {{"error_rate", 0.1}};
  return bundle;
}

/// Rewrites the file's description by `change`.
template <class Change>
void tamper(const std::filesystem::path& path, Change&& change) {
  const model::SafetensorsFile file = model::read_safetensors(path);
  auto json = nlohmann::ordered_json::parse(file.metadata.at("margay"));
  change(json);
  model::write_safetensors(path, file.tensors, {{"margay", json.dump()}});
}

class BundleTest : public testing::Test {
 protected:
  BundleTest() { save_bundle(path_, small_bundle()); }

  std::string refusal() const {
    return thrown_message<core::FormatError>([&] { load_bundle(path_); });
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "m.margay";
};

TEST_F(BundleTest, KeepsTheTaskInAFormatThatOlderProgramsRefuse) {
  Bundle bundle = small_bundle();
  bundle.task = data::Task::kMultiLabel;
  save_bundle(path_, bundle);
  EXPECT_EQ(load_bundle(path_).task, data::Task::kMultiLabel);
  tamper(path_, [](auto& json) { EXPECT_EQ(json["format_version"], 2); });
  save_bundle(path_, small_bundle());
  tamper(path_, [](auto& json) {
    EXPECT_EQ(json["format_version"], 1);
    json.erase("task");  // as written before tasks were
  });
  EXPECT_EQ(load_bundle(path_).task, data::Task::kSingleLabel);
}

TEST_F(BundleTest, ComesBackIdentical) {
  const Bundle original = small_bundle();
  save_bundle(path_, original);
  const Bundle loaded = load_bundle(path_);
  EXPECT_EQ(loaded.vocabulary, original.vocabulary);
  EXPECT_EQ(core::to_json(loaded.transforms), core::to_json(original.transforms));
  EXPECT_EQ(core::to_json(loaded.classifier->options()), core::to_json(original.classifier->options()));
  EXPECT_EQ(loaded.provenance, original.provenance);
  original.classifier->eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = torch::randn({2, 3, 32, 32});
  EXPECT_TRUE(loaded.classifier->forward(images).equal(original.classifier->forward(images)));
  EXPECT_FALSE(loaded.classifier->is_training());
}

TEST_F(BundleTest, IsTheSameFileForTheSameModel) {
  const std::string before = testing_support::file_content(path_);
  save_bundle(path_, load_bundle(path_));
  EXPECT_EQ(testing_support::file_content(path_), before);
}

TEST_F(BundleTest, RefusesSafetensorsOfOthers) {
  model::write_safetensors(path_, {{"fc.weight", torch::ones({2})}});
  EXPECT_NE(refusal().find("not a Margay model"), std::string::npos);
}

TEST_F(BundleTest, NamesTheModelInAFolder) {
  const auto refused = [](const std::filesystem::path& folder) {
    return thrown_message<core::DataError>([&] { load_bundle(folder); });
  };
  std::filesystem::create_directories(folder_ / "run");
  EXPECT_NE(refused(folder_ / "run").find("run: is a folder; a model is a file, such as"), std::string::npos);
  std::filesystem::copy_file(path_, folder_ / "run" / "model.margay");
  EXPECT_NE(refused(folder_ / "run").find("is a folder; its model is " + (folder_ / "run/model.margay").string()),
            std::string::npos);
}

TEST_F(BundleTest, SaysOfAMissingFileWhichOneIsCalledNearlySo) {
  const std::string name = path_.filename().string();
  const std::filesystem::path misspelt = folder_ / ("x" + name);
  EXPECT_EQ(thrown_message<core::DataError>([&] { load_bundle(misspelt); }),
            fmt::format("{}: there is no such file; '{}' holds no 'x{}'; did you mean '{}'?", misspelt.string(),
                        folder_.path().string(), name, name));
}

TEST_F(BundleTest, RefusesToBeSavedWithoutAClassifier) {
  EXPECT_THROW(save_bundle(folder_ / "m.margay", {}), std::invalid_argument);
}

TEST_F(BundleTest, RefusesNewerFormats) {
  tamper(path_, [](auto& json) { json["format_version"] = 99; });
  EXPECT_NE(refusal().find("written in format 99"), std::string::npos);
  tamper(path_, [](auto& json) { json["format_version"] = 4'294'967'297; });
  EXPECT_NE(refusal().find("written in format 4294967297"), std::string::npos);
}

TEST_F(BundleTest, RefusesADescriptionTooDeepForTheStack) {
  const model::SafetensorsFile file = model::read_safetensors(path_);
  std::string header = file.metadata.at("margay");
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  header.replace(header.find("\"provenance\":{"), 14, "\"provenance\":{\"x\":" + deep + ",");
  model::write_safetensors(path_, file.tensors, {{"margay", header}});
  EXPECT_NE(refusal().find("its description is not JSON"), std::string::npos) << refusal();
}

TEST_F(BundleTest, RefusesANormalisationThatMakesNoNumbers) {
  for (const auto& [field, value] :
       {std::pair{"std", 0.0}, std::pair{"std", -1.0}, std::pair{"std", 1e-300}, std::pair{"mean", 1e300}}) {
    save_bundle(path_, small_bundle());
    tamper(path_, [&](auto& json) { json["transforms"]["normalization"][field][0] = value; });
    EXPECT_NE(refusal().find("mean must be numbers and std above 0"), std::string::npos) << field << value << refusal();
    EXPECT_NE(refusal().find("m.margay"), std::string::npos);
  }
}

TEST_F(BundleTest, RefusesWeightsThatAreNotThoseThatWereSaved) {
  model::SafetensorsFile file = model::read_safetensors(path_);
  for (const double weight : {0.0, std::nan("")}) {
    torch::Tensor& tensor = file.tensors.at("head.8.weight");
    tensor = tensor.clone();
    tensor[0].fill_(weight);
    model::write_safetensors(path_, file.tensors, file.metadata);
    EXPECT_NE(refusal().find("what it predicts for its golden images is not what it predicted"), std::string::npos);
    EXPECT_NO_THROW(load_bundle(path_, GoldenCheck::kLater));
  }
}

TEST_F(BundleTest, RefusesDescriptionsThatDoNotFit) {
  tamper(path_, [](auto& json) { json["vocabulary"] = {"cat", "dog"}; });
  EXPECT_NE(refusal().find("2 class names for 3 classes"), std::string::npos);
  save_bundle(path_, small_bundle());
  tamper(path_, [](auto& json) { json["classifier"]["architecture"] = "resnet99"; });
  EXPECT_NE(refusal().find("resnet99"), std::string::npos);
  save_bundle(path_, small_bundle());
  tamper(path_, [](auto& json) { json["transforms"]["augment"]["size"] = -1; });
  EXPECT_NE(refusal().find("size must lie in"), std::string::npos);
  save_bundle(path_, small_bundle());
  tamper(path_, [](auto& json) { json.erase("vocabulary"); });
  EXPECT_NE(refusal().find("vocabulary"), std::string::npos);
}

Bundle bundle_with_known_images() {
  Bundle bundle = small_bundle();
  bundle.known_images = {.salt = 0xFEDCBA9876543210,
                         .train_names = data::DigestSet({1ULL << 60U, 2ULL << 60U, 3ULL << 60U}),
                         .valid_names = data::DigestSet({4ULL << 60U}),
                         .train_contents = data::DigestSet({5ULL << 60U}),
                         .valid_contents = {}};
  return bundle;
}

TEST_F(BundleTest, RemembersTheImagesOfItsTraining) {
  save_bundle(path_, bundle_with_known_images());
  const Bundle loaded = load_bundle(path_);
  EXPECT_EQ(loaded.known_images.salt, 0xFEDCBA9876543210);
  EXPECT_TRUE(loaded.known_images.train_names.contains(2ULL << 60U));
  EXPECT_EQ(loaded.known_images.train_names.size(), 3U);
  EXPECT_TRUE(loaded.known_images.valid_names.contains(4ULL << 60U));
  EXPECT_TRUE(loaded.known_images.train_contents.contains(5ULL << 60U));
  EXPECT_TRUE(loaded.known_images.valid_contents.empty());
  tamper(path_, [](auto& json) { EXPECT_EQ(json["format_version"], 3); });
  const std::string before = testing_support::file_content(path_);
  save_bundle(path_, load_bundle(path_));
  EXPECT_EQ(testing_support::file_content(path_), before);
}

TEST_F(BundleTest, GivesWeightsWithoutTheMemoryOfImages) {
  const Bundle bundle = bundle_with_known_images();
  save_bundle(path_, bundle);
  EXPECT_EQ(model::read_weights(path_).tensors.size(), bundle.classifier->state().size());
}

TEST_F(BundleTest, RefusesADamagedMemoryOfImages) {
  save_bundle(path_, bundle_with_known_images());
  const model::SafetensorsFile file = model::read_safetensors(path_);
  const auto refusal_with = [&](const torch::Tensor& names) {
    model::TensorMap tensors = file.tensors;
    tensors.erase("margay.train_names");
    if (names.defined()) tensors["margay.train_names"] = names;
    model::write_safetensors(path_, tensors, file.metadata);
    return refusal();
  };
  EXPECT_NE(refusal_with({}).find("there is no tensor margay.train_names"), std::string::npos);
  EXPECT_NE(refusal_with(torch::zeros({2, 3}, torch::kByte)).find("digest 1 is not above"), std::string::npos);
  EXPECT_NE(refusal_with(torch::zeros({2, 9}, torch::kByte)).find("no digests"), std::string::npos);
  EXPECT_NE(refusal_with(torch::zeros({6}, torch::kByte)).find("digests are uint8 [N,width]"), std::string::npos);
}

TEST_F(BundleTest, KeepsTheCalibrationInAFormatThatOlderProgramsRefuse) {
  Bundle bundle = bundle_with_known_images();
  bundle.calibration = {.temperature = 1.0 / 3,
                        .source = predict::CalibrationSource::kHeldOut,
                        .images = 40,
                        .groups = 38,
                        .data = "valid of pets",
                        .model_sha256 = "ab"};
  save_bundle(path_, bundle);
  const Bundle loaded = load_bundle(path_);
  EXPECT_EQ(core::to_json(loaded.calibration), core::to_json(bundle.calibration));
  EXPECT_EQ(loaded.calibration.temperature, 1.0 / 3);
  tamper(path_, [](auto& json) { EXPECT_EQ(json["format_version"], 4); });
  bundle.calibration = {.temperature = 2};
  save_bundle(path_, bundle);
  EXPECT_EQ(load_bundle(path_).calibration.temperature, 2);
}

TEST_F(BundleTest, OfAProbeHasACalibrationThatOlderProgramsNeedNotKnow) {
  Bundle bundle = small_bundle();
  bundle.calibration = {.source = predict::CalibrationSource::kLeftOut, .images = 40, .groups = 40};
  save_bundle(path_, bundle);
  EXPECT_EQ(load_bundle(path_).calibration.source, predict::CalibrationSource::kLeftOut);
  tamper(path_, [](auto& json) {
    EXPECT_EQ(json["format_version"], 1);
    json.erase("calibration");  // as files of earlier versions
  });
  EXPECT_FALSE(load_bundle(path_).calibration.is_fitted());
  EXPECT_EQ(load_bundle(path_).calibration.temperature, 1);
}

TEST_F(BundleTest, RefusesACalibrationThatIsNone) {
  Bundle bundle = small_bundle();
  for (const double bad : {0.0, -1.0, std::nan("")}) {
    bundle.calibration = {.temperature = bad};
    EXPECT_THROW(save_bundle(path_, bundle), std::invalid_argument) << bad;
  }
  bundle.calibration = {.temperature = 2};
  save_bundle(path_, bundle);
  tamper(path_, [](auto& json) { json["calibration"]["temperature"] = 0; });
  EXPECT_NE(refusal().find("temperature must lie in"), std::string::npos) << refusal();
  tamper(path_, [](auto& json) { json["calibration"] = "warm"; });
  EXPECT_NE(refusal().find("cannot be used"), std::string::npos) << refusal();
}

predict::UnknownDetector small_detector() {
  torch::manual_seed(2);
  predict::UnknownScorer scorer{.score = predict::UnknownScore::kNearest};
  scorer.known =
      predict::KnownRows{.rows = predict::unit_rows(torch::randn({4, 64})).to(torch::kHalf).to(torch::kFloat),
                         .members = torch::ones({4, 3}, torch::kBool)};
  return {scorer, 0.05, predict::RefusalGuarantee::kSplit, {predict::KnownScores(torch::rand({30}))}};
}

TEST_F(BundleTest, TellsUnknownImagesInAFormatThatOlderProgramsRefuse) {
  Bundle bundle = small_bundle();
  bundle.unknown = small_detector();
  save_bundle(path_, bundle);
  const Bundle loaded = load_bundle(path_);
  ASSERT_TRUE(loaded.unknown.has_value());
  const torch::Tensor features = torch::randn({5, 64});
  EXPECT_TRUE(loaded.unknown->p_known(torch::zeros({5, 3}), features)
                  .equal(bundle.unknown->p_known(torch::zeros({5, 3}), features)));
  tamper(path_, [](auto& json) { EXPECT_EQ(json["format_version"], 4); });
  EXPECT_EQ(model::read_weights(path_).tensors.size(), bundle.classifier->state().size());
}

TEST_F(BundleTest, RefusesADamagedDetector) {
  Bundle bundle = small_bundle();
  bundle.unknown = small_detector();
  save_bundle(path_, bundle);
  tamper(path_, [](auto& json) { json["unknown"]["score"] = "mahalanobis"; });
  EXPECT_NE(refusal().find("there is no tensor margay.unknown.directions"), std::string::npos) << refusal();
  tamper(path_, [](auto& json) { json["unknown"]["score"] = "guess"; });
  EXPECT_NE(refusal().find("guess"), std::string::npos) << refusal();
}

TEST_F(BundleTest, RefusesMissingTensors) {
  model::SafetensorsFile file = model::read_safetensors(path_);
  file.tensors.erase("head.8.weight");
  model::write_safetensors(path_, file.tensors, file.metadata);
  EXPECT_NE(refusal().find("head.8.weight"), std::string::npos);
}

TEST_F(BundleTest, RefusesEveryTruncation) {
  const std::string whole = testing_support::file_content(path_);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{500}, whole.size() / 2, whole.size() - 1}) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc).write(whole.data(), static_cast<std::streamsize>(size));
    EXPECT_NE(refusal().find("must be copied again, or made again by a training"), std::string::npos) << refusal();
  }
  EXPECT_THROW(load_bundle(folder_ / "absent.margay"), core::DataError);
}

}  // namespace
}  // namespace margay::bundle
