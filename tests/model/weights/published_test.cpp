#include "margay/model/weights/published.h"

#include <ostream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/options.h"
#include "margay/model/network_draws.h"
#include "margay/model/weights/naming.h"
#include "margay/model/weights/pretrained.h"
#include "margay/model/weights/safetensors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::thrown_message;
using testing_support::write;
using Rgb = std::array<double, 3>;

constexpr Rgb kHalves{0.5, 0.5, 0.5};
constexpr Rgb kClipMean{0.48145466, 0.4578275, 0.40821073};

PublishedForm form_of_file(const std::string& path, const std::string& architecture, const WeightsFile& file = {}) {
  return recognise_form(path, file, find_architecture(architecture));
}

struct FileName {
  const char* file;
  const char* architecture;
  Arithmetic arithmetic;
  Rgb mean;
};

TEST(RecogniseForm, KnowsPublishersNamesOfFiles) {
  using enum Arithmetic;
  for (const FileName& each : {
           FileName{"tf_efficientnet_b0_ns-c0e6a31c.pth", "efficientnet_b0", kTensorFlow, core::kImagenetMean},
           FileName{"TF_EfficientNet_B4.aa_in1k.safetensors", "efficientnet_b4", kTensorFlow, core::kImagenetMean},
           FileName{"tf_efficientnet_b0_ap-f262efe1.pth", "efficientnet_b0", kTensorFlow, kHalves},
           FileName{"tf_efficientnet_b3.ap_in1k.bin", "efficientnet_b3", kTensorFlow, kHalves},
           FileName{"efficientnet_b0.ra_in1k.safetensors", "efficientnet_b0", kUsual, core::kImagenetMean},
           FileName{"tf_mobilenetv3_large_100-427764d5.pth", "mobilenet_v3_large", kTensorFlow, kHalves},
           FileName{"mobilenetv3_small_100.lamb_in1k.pth", "mobilenet_v3_small", kTimm, core::kImagenetMean},
           FileName{"mobilenetv3_large_100_1k_miil_78_0-66471c13.pth", "mobilenet_v3_large", kTimm, {0, 0, 0}},
           FileName{"mobilenet_v3_large-8738ca79.pth", "mobilenet_v3_large", kUsual, core::kImagenetMean},
           FileName{"vit_base_patch16_224.augreg_in21k_ft_in1k.safetensors", "vit_base_patch16_224", kUsual, kHalves},
           FileName{"vit_small_patch16_224.safetensors", "vit_small_patch16_224", kUsual, kHalves},
           FileName{"vit_small_patch16_224.dino.safetensors", "vit_small_patch16_224", kUsual, core::kImagenetMean},
           FileName{"vit_base_patch16_224.mae.safetensors", "vit_base_patch16_224", kUsual, core::kImagenetMean},
           FileName{"mae_finetuned_vit_base.pth", "vit_base_patch16_224", kMeanPooled, core::kImagenetMean},
           FileName{"deit_base_patch16_224-b5f2ef4d.pth", "vit_base_patch16_224", kUsual, core::kImagenetMean},
           FileName{"vit_base_patch16_224.augreg_in21k.safetensors", "vit_b_16", kUsual, kHalves},
           FileName{"vit_b_16-c867db91.pth", "vit_base_patch16_224", kUsual, core::kImagenetMean},
           FileName{"vit_base_patch16_clip_224.openai.safetensors", "vit_base_patch16_224", kUsual, kClipMean},
           FileName{"convnext_base.clip_laion2b_augreg_ft_in12k_in1k.safetensors", "convnext_base", kUsual, kClipMean},
           FileName{"resnet50_caffe-788b5fa3.pth", "resnet50", kCaffe, {123.675 / 255, 116.280 / 255, 103.530 / 255}},
           FileName{"resnet101_msra-6cc46731.pth", "resnet101", kCaffe, {123.675 / 255, 116.280 / 255, 103.530 / 255}},
           FileName{"vgg16_features-amdegroot-88682ab5.pth", "vgg16", kUsual, {0.48235, 0.45882, 0.40784}},
       }) {
    const PublishedForm form = form_of_file(each.file, each.architecture);
    EXPECT_EQ(form.source, "the file's name") << each.file;
    EXPECT_EQ(form.arithmetic, each.arithmetic) << each.file;
    EXPECT_EQ(form.mean, each.mean) << each.file;
    EXPECT_TRUE(form.warnings.empty()) << each.file;
  }
}

/// Two recipes of one network are normalised differently.
TEST(RecogniseForm, KnowsTheStatisticsOfASet) {
  const PublishedForm ra4 = form_of_file("resnet50d.ra4_e3600_r224_in1k.safetensors", "resnet50d");
  EXPECT_EQ(ra4.mean, kHalves);
  EXPECT_EQ(ra4.weight_set->licence, "");
  EXPECT_EQ(form_of_file("resnet50d.ra2_in1k.safetensors", "resnet50d").mean, core::kImagenetMean);
  const std::string folder = "models--timm--mobilenetv3_large_100.ra4_e3600_r224_in1k/snapshots/c/model.safetensors";
  const PublishedForm mobile = form_of_file(folder, "mobilenet_v3_large");
  EXPECT_EQ(mobile.mean, kHalves);
  EXPECT_EQ(mobile.arithmetic, Arithmetic::kTimm);
}

TEST(RecogniseForm, BelievesTheNameOfTheNetworkWhereTheFileTellsNothing) {
  const PublishedForm form = form_of_file("weights-of-today.pth", "tf_efficientnet_b0.ap_in1k");
  EXPECT_EQ(form.source, "`arch`");
  EXPECT_EQ(form.arithmetic, Arithmetic::kTensorFlow);
  EXPECT_EQ(form.mean, kHalves);
}

TEST(CheckWeightSet, RefusesRelativesByName) {
  const testing_support::TemporaryFolder folder;
  const auto refusal = [&](const std::string& file, const std::string& arch) {
    write(folder / file, "test");
    const Architecture& architecture = find_architecture(arch);
    const PublishedForm form = recognise_form(folder / file, {}, architecture);
    return thrown_message<core::DataError>([&] { check_weight_set(folder / file, form, architecture); });
  };
  const std::string v1 = refusal("resnet50-0676ba61.pth", "resnet50.IMAGENET1K_V2");
  EXPECT_NE(v1.find("holds resnet50.IMAGENET1K_V1 by the file's name, not resnet50.IMAGENET1K_V2"), std::string::npos)
      << v1;
  EXPECT_NE(refusal("resnet18d.ra2_in1k.safetensors", "resnet18d.ra4_e3600_r224_in1k").find("holds resnet18d.ra2_in1k"),
            std::string::npos);
  write(folder / "config.json", R"({"architecture": "resnet18d", "pretrained_cfg": {"tag": "c9_in1k"}})");
  EXPECT_NE(
      refusal("model.safetensors", "resnet18d.ra4_e3600_r224_in1k").find("holds resnet18d.c9_in1k by config.json"),
      std::string::npos);
}

TEST(CheckWeightSet, TakesTheNamedOnesAndUnknownFiles) {
  const testing_support::TemporaryFolder folder;
  const Architecture& architecture = find_architecture("resnet50.IMAGENET1K_V2");
  for (const char* file : {"resnet50-11ad3fa6.pth", "resnet50.IMAGENET1K_V2.pth", "mine.pth"}) {
    write(folder / file, "test");
    const PublishedForm form = recognise_form(folder / file, {}, architecture);
    EXPECT_NO_THROW(check_weight_set(folder / file, form, architecture)) << file;
  }
}

TEST(RecogniseForm, TakesWhatNothingTellsForUsual) {
  for (const char* file : {"resnet18.pth", "best.safetensors", "my-clip-experiment.pth", "caffe.pth"}) {
    const PublishedForm form = form_of_file(file, "resnet18");
    EXPECT_TRUE(form.is_usual(find_architecture("resnet18"))) << file;
    EXPECT_EQ(form.source, "") << file;
  }
  EXPECT_EQ(form_of_file("best.pth", "vit_tiny_patch16_224").mean, kHalves);
}

TEST(RecogniseForm, ReadsTheNameOfAFolderWhereTheFilesIsThatOfAll) {
  const PublishedForm cached = form_of_file(
      "/hub/models--timm--tf_efficientnet_b0.ns_jft_in1k/snapshots/5cd1e0a/model.safetensors", "efficientnet_b0");
  EXPECT_EQ(cached.arithmetic, Arithmetic::kTensorFlow);
  EXPECT_EQ(cached.name, "tf_efficientnet_b0.ns_jft_in1k");
  EXPECT_EQ(cached.source, "the name of its folder");
  EXPECT_EQ(form_of_file("/tf_efficientnet_b0/mine.pth", "efficientnet_b0").source, "");
}

TEST(RecogniseForm, ReadsConfigJsonBesideTheFile) {
  const testing_support::TemporaryFolder folder;
  write(folder / "config.json",
        R"({"architecture": "tf_efficientnet_b0", "num_classes": 1000, "global_pool": "avg",
            "pretrained_cfg": {"tag": "ap_in1k", "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}})");
  const PublishedForm form = form_of_file(folder / "model.safetensors", "efficientnet_b0");
  EXPECT_EQ(form.name, "tf_efficientnet_b0.ap_in1k");
  EXPECT_EQ(form.source, "config.json beside it");
  EXPECT_EQ(form.arithmetic, Arithmetic::kTensorFlow);
  EXPECT_EQ(form.mean, (Rgb{0.1, 0.2, 0.3}));
  EXPECT_EQ(form.std, (Rgb{0.4, 0.5, 0.6}));
}

TEST(RecogniseForm, IgnoresAConfigJsonOfAnotherNetworkOrProgram) {
  const testing_support::TemporaryFolder folder;
  for (const char* text : {R"({"architecture": "resnet34", "mean": [0.1, 0.2, 0.3]})", R"({"arch": "resnet18"})",
                           R"({"architecture": 7})", "[]", "{", ""}) {
    write(folder / "config.json", text);
    EXPECT_TRUE(form_of_file(folder / "x.safetensors", "resnet18").is_usual(find_architecture("resnet18"))) << text;
  }
  write(folder / "config.json", R"({"architecture": "resnet18", "mean": [0.1, 0.2], "std": [1, 1, 0]})");
  EXPECT_TRUE(form_of_file(folder / "x.safetensors", "resnet18").is_usual(find_architecture("resnet18")));
}

TEST(RecogniseForm, ReadsMetadataBeforeNames) {
  const WeightsFile file{.metadata = {{"format", "pt"},
                                      {"architecture", "deit_base_patch16_224"},
                                      {"pretrained_cfg", R"({"tag": "fb_in1k"})"}}};
  const PublishedForm form =
      form_of_file("vit_base_patch16_224.augreg_in21k.safetensors", "vit_base_patch16_224", file);
  EXPECT_EQ(form.name, "deit_base_patch16_224.fb_in1k");
  EXPECT_EQ(form.source, "its metadata");
  EXPECT_EQ(form.mean, core::kImagenetMean);
}

TEST(RecogniseForm, ReadsItsOwnMetadataAgain) {
  const PublishedForm form{.name = "someone's",
                           .source = "the file's name",
                           .arithmetic = Arithmetic::kTensorFlow,
                           .mean = {0.1, 0.2, 0.3},
                           .std = {0.4, 0.5, 0.6}};
  const PublishedForm again = form_of_file("x.safetensors", "efficientnet_b0", {.metadata = form_metadata(form)});
  EXPECT_EQ(again.arithmetic, form.arithmetic);
  EXPECT_EQ(again.mean, form.mean);
  EXPECT_EQ(again.std, form.std);
  EXPECT_EQ(again.name, form.name);
}

TEST(RecogniseForm, ReadsABundlesOwnDescription) {
  const WeightsFile file{
      .metadata = {{"margay",
                    R"({"classifier": {"architecture": "efficientnet_b0", "arithmetic": "tensorflow"},
                        "transforms": {"normalization": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}}})"}}};
  const PublishedForm form = form_of_file("model.margay", "efficientnet_b0", file);
  EXPECT_EQ(form.arithmetic, Arithmetic::kTensorFlow);
  EXPECT_EQ(form.mean, (Rgb{0.1, 0.2, 0.3}));
  EXPECT_EQ(
      form_of_file("old.margay", "efficientnet_b0", {.metadata = {{"margay", R"({"classifier": {}})"}}}).arithmetic,
      Arithmetic::kUsual);
}

TEST(RecogniseForm, KnowsPublishersByTensorsThatOnlyTheyHave) {
  const PublishedForm timms =
      form_of_file("best.pth", "mobilenet_v3_large", {.tensors = {{"model.conv_stem.weight", torch::zeros({1})}}});
  EXPECT_EQ(timms.arithmetic, Arithmetic::kTimm);
  EXPECT_EQ(timms.source, "the names of its tensors");
  const PublishedForm pooled =
      form_of_file("vit_base_patch16_224.pth", "vit_base_patch16_224", {.tensors = {{"fc_norm.weight", {}}}});
  EXPECT_EQ(pooled.arithmetic, Arithmetic::kMeanPooled);
}

WeightsFile timms_efficientnet(std::int64_t batches) {
  return {.tensors = {{"conv_stem.weight", torch::zeros({1})},
                      {"bn1.num_batches_tracked", torch::tensor(batches)},
                      {"bn2.num_batches_tracked", torch::tensor(batches)}}};
}

TEST(RecogniseForm, DoubtsWeightsWhoseNormsHaveCountedNothing) {
  for (const char* name : {"best.pth", "efficientnet_b0.pth"}) {
    const PublishedForm form = form_of_file(name, "efficientnet_b0", timms_efficientnet(0));
    ASSERT_EQ(form.warnings.size(), 1U) << name;
    EXPECT_NE(form.warnings[0].find("give `arithmetic` tensorflow"), std::string::npos);
    EXPECT_TRUE(form_of_file(name, "efficientnet_b0", timms_efficientnet(9)).warnings.empty()) << name;
  }
  EXPECT_TRUE(form_of_file("efficientnet_b0.ra_in1k.pth", "efficientnet_b0", timms_efficientnet(0)).warnings.empty());
}

TEST(WithArithmetic, OverrulesWhatWasRecognisedAndNamesIt) {
  const Architecture& b0 = find_architecture("efficientnet_b0");
  const PublishedForm told = form_of_file("tf_efficientnet_b0_ns.pth", "efficientnet_b0");
  const PublishedForm form = with_arithmetic(told, Arithmetic::kUsual, b0);
  EXPECT_EQ(form.arithmetic, Arithmetic::kUsual);
  ASSERT_EQ(form.warnings.size(), 1U);
  EXPECT_EQ(form.warnings[0], "`arithmetic` usual overrules tensorflow, which the file's name tells");
  EXPECT_TRUE(with_arithmetic(told, Arithmetic::kTensorFlow, b0).warnings.empty());
  EXPECT_EQ(with_arithmetic(told, std::nullopt, b0).arithmetic, Arithmetic::kTensorFlow);
}

TEST(WithArithmetic, SettlesADoubt) {
  const PublishedForm doubted = form_of_file("best.pth", "efficientnet_b0", timms_efficientnet(0));
  for (const Arithmetic each : {Arithmetic::kUsual, Arithmetic::kTensorFlow}) {
    const PublishedForm form = with_arithmetic(doubted, each, find_architecture("efficientnet_b0"));
    EXPECT_EQ(form.arithmetic, each);
    EXPECT_TRUE(form.warnings.empty());
  }
}

TEST(WithArithmetic, OfCaffeBringsItsNormalisation) {
  const Architecture& resnet = find_architecture("resnet50");
  const PublishedForm form = with_arithmetic(form_of_file("best.pth", "resnet50"), Arithmetic::kCaffe, resnet);
  EXPECT_NEAR(form.std[0], 1.0 / 255, 1e-12);
  EXPECT_EQ(
      testing_support::thrown_message<std::invalid_argument>([&] { with_arithmetic(form, Arithmetic::kTimm, resnet); }),
      "[classifier] `arithmetic` timm is not known of resnet50, which has: usual, caffe");
}

TEST(FormText, SaysWhoseAndWhat) {
  EXPECT_EQ(form_text(form_of_file("tf_efficientnet_b0_ap-f262efe1.pth", "efficientnet_b0")),
            "tf_efficientnet_b0_ap-f262efe1 (by the file's name): arithmetic tensorflow, mean 0.5,0.5,0.5, std "
            "0.5,0.5,0.5");
}

/// The tensors of a backbone as a publisher writes them.
TensorMap backbone_state(const Classifier& classifier) {
  TensorMap state;
  for (const auto& [name, tensor] : classifier.state()) {
    if (name.starts_with("backbone.")) state[name.substr(9)] = tensor.clone();
  }
  return state;
}

TEST(LoadPretrained, TurnsCaffesFirstFiltersToRgbButNotTwice) {
  const testing_support::TemporaryFolder folder;
  const ClassifierOptions options{.architecture = "resnet18", .arithmetic = Arithmetic::kCaffe};
  const auto source = make_classifier(options);
  write_safetensors(folder / "caffe.safetensors", backbone_state(*source));
  write_safetensors(folder / "bundle.margay", source->state());
  const torch::Tensor filters = source->state().at("backbone.conv1.weight");
  for (const auto& [file, expected] :
       {std::pair{"caffe.safetensors", filters.flip(1)}, std::pair{"bundle.margay", filters}}) {
    const auto classifier = make_classifier(options);
    load_pretrained(*classifier, folder / file);
    EXPECT_TRUE(torch::equal(classifier->state().at("backbone.conv1.weight"), expected)) << file;
  }
}

TEST(LoadPretrained, WarnsOfWeightsThatLearntFromNumbersUpTo255) {
  const testing_support::TemporaryFolder folder;
  const auto classifier = make_classifier({.architecture = "resnet20"});
  TensorMap state = backbone_state(*classifier);
  const double norm = state["conv1.weight"].square().sum().item<double>();
  const auto warning = [&](double input_deviation) {
    // of inputs that are all alike within a filter's reach: the most that a deviation gives
    state["bn1.running_var"].fill_(norm * 27 * input_deviation * input_deviation / 16);
    write_safetensors(folder / "weights.safetensors", state);
    return load_pretrained(*classifier, folder / "weights.safetensors").warning;
  };
  EXPECT_EQ(warning(1), "");
  EXPECT_EQ(warning(0.1), "");
  EXPECT_NE(warning(58).find("perhaps 0 to 255"), std::string::npos);
}

TEST(LoadPretrained, SaysWhatMargayLacksOfATransformerThatIsNearlyOneOfIts) {
  const testing_support::TemporaryFolder folder;
  const auto classifier = make_classifier({.architecture = "vit_tiny_patch16_224", .image_px = 32});
  for (const auto& [tensor, part] :
       {std::pair{"dist_token", "a distilled DeiT's"}, std::pair{"norm_pre.weight", "CLIP's transformer"},
        std::pair{"reg_token", "a transformer's with registers"}}) {
    TensorMap state = backbone_state(*classifier);
    state[tensor] = torch::zeros({192});
    write_safetensors(folder / "weights.safetensors", state);
    const std::string message = testing_support::thrown_message<core::FormatError>(
        [&] { load_pretrained(*classifier, folder / "weights.safetensors"); });
    EXPECT_NE(message.find(std::string("these look like ") + part), std::string::npos) << message;
  }
}

/// As its publisher would name it, with his head.
TensorMap state_with_head(const Architecture& architecture) {
  const auto backbone = architecture.build({.image_px = architecture.input_px});
  TensorMap state = state_of(*backbone);
  if (architecture.classes == 0) return state;
  for (const auto& [name, tensor] : state_of(*backbone->make_published_head(architecture.classes)))
    state[name] = tensor;
  return state;
}

struct Relatives {
  const char* theirs;
  const char* asked;
};

void PrintTo(const Relatives& relatives, std::ostream* out) { *out << relatives.theirs << " for " << relatives.asked; }

class RelativesWeights : public testing::TestWithParam<Relatives> {};

/// Some share all names and most shapes.
TEST_P(RelativesWeights, AreRefusedByTheNameOfTheirNetwork) {
  const WithoutDraws quickly;
  const auto& [theirs, asked] = GetParam();
  PretrainedFile file{.path = "weights.pth", .content = {}};
  file.content.tensors = state_with_head(find_architecture(theirs));
  const auto classifier = make_classifier({.architecture = asked, .num_classes = 2});
  const std::string message = thrown_message<core::FormatError>([&] { load_pretrained(*classifier, file); });
  EXPECT_NE(message.find(fmt::format("does not hold {}'s weights; these look like {}'s, which takes `arch` {}", asked,
                                     theirs, theirs)),
            std::string::npos)
      << message;
}

INSTANTIATE_TEST_SUITE_P(
    Networks, RelativesWeights,
    testing::Values(Relatives{"resnet18d", "resnet18"}, Relatives{"resnet18", "resnet18d"},
                    Relatives{"convnextv2_atto", "convnextv2_femto"}, Relatives{"convnextv2_tiny", "convnext_tiny"},
                    Relatives{"convnext_tiny", "convnextv2_tiny"},
                    Relatives{"vit_small_patch14_reg4_dinov2", "vit_small_patch14_dinov2"},
                    Relatives{"vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2"},
                    Relatives{"vit_small_patch16_224", "vit_small_patch14_dinov2"},
                    Relatives{"efficientnet_b4", "efficientnet_v2_s"}, Relatives{"efficientnet_b1", "efficientnet_b0"},
                    Relatives{"regnet_y_800mf", "regnet_y_400mf"}, Relatives{"repvit_m1_0", "repvit_m0_9"},
                    Relatives{"mobilenetv4_conv_small", "mobilenet_v3_large"}));

/// swin_tiny_patch4_window12_384 has the names of swin_t, and tables for larger windows.
TEST(LoadPretrained, RefusesPositionsOfAnotherWindow) {
  const WithoutDraws quickly;
  const auto classifier = make_classifier({.architecture = "swin_t", .num_classes = 2});
  PretrainedFile file{.path = "weights.pth", .content = {}};
  file.content.tensors = backbone_state(*classifier);
  for (auto& [name, tensor] : file.content.tensors) {
    if (name.ends_with("relative_position_bias_table")) tensor = torch::zeros({23 * 23, tensor.size(1)});
  }
  const std::string message = thrown_message<core::FormatError>([&] { load_pretrained(*classifier, file); });
  EXPECT_NE(message.find("features.1.0.attn.relative_position_bias_table  [169,3]"), std::string::npos) << message;
  EXPECT_NE(message.find("[529,3]"), std::string::npos) << message;
}

TEST(LoadPretrained, LoadsMeanPooledNorms) {
  const testing_support::TemporaryFolder folder;
  const auto classifier =
      make_classifier({.architecture = "vit_tiny_patch16_224", .image_px = 32, .arithmetic = Arithmetic::kMeanPooled});
  TensorMap state = backbone_state(*classifier);
  for (const char* each : {"weight", "bias"}) {
    state[std::string("fc_norm.") + each] = state[std::string("norm.") + each] + 1;
    state.erase(std::string("norm.") + each);
  }
  write_safetensors(folder / "weights.safetensors", state);
  load_pretrained(*classifier, folder / "weights.safetensors");
  EXPECT_TRUE(torch::equal(classifier->state().at("backbone.norm.bias"), state.at("fc_norm.bias")));
}

}  // namespace
}  // namespace margay::model
