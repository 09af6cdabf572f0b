#include "apps/cli/probe_text.h"

#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/command_line.h"

namespace margay::cli {
namespace {

using testing_support::expect_part;

train::ProbeScore score(double error, double loss, std::int64_t images) {
  return {.error = {.mean = error, .standard_error = 0.01, .count = images, .groups = images},
          .loss = {.mean = loss, .standard_error = 0.02, .count = images, .groups = images}};
}

/// 100 images of two classes, with 20 that validate and agree.
run::Probed probed() {
  run::Probed probed;
  probed.start = {"resnet18", "weights/resnet18.safetensors", "bf16", 100, 20, 2};
  probed.result.images = probed.result.groups = 100;
  probed.result.score = score(0.15, 0.5, 100);
  probed.result.valid = train::ProbeValidation{.score = score(0.16, 0.55, 20), .predictions = {}, .disagreement = {}};
  probed.result.fine_tuning = {train::FineTuningGain::kLikely, "It errs on its own images, too."};
  probed.mistakes.classes = {{"cat", 50, 10, 5, 0.2, 0.06}, {"dog", 50, 0, 10, 0, 0.01}};
  probed.mistakes.pairs = {{"cat", "dog", 10, 50}};
  probed.mistakes.hardest = {{3, "a b.png", "cat", "dog", "0.9900", 4.6}};
  probed.seconds = {{"features", 2}, {"fit", 0.5}};
  probed.model = "runs/a/model.margay";
  probed.left_out = "runs/a/left_out.csv";
  return probed;
}

run::ProbeRunOptions options() {
  run::ProbeRunOptions options;
  options.batch.folder = "my images";
  options.batch.data.label_regex = "(.+)_";
  options.network.weights = "cached";
  return options;
}

TEST(ProbeText, SaysWhatWasMeasuredAndWhatIsNext) {
  const std::string text = probe_text(probed(), options());
  expect_part(text, "leave-one-out  0.1500 ± 0.0100  0.5000 ± 0.0200     100\n");
  expect_part(text, "validation     0.1600 ± 0.0100  0.5500 ± 0.0200      20\n");
  expect_part(text, "Each image was predicted without itself");
  expect_part(text, "cat                50      10  0.20 ± 0.06             5  dog (10)\n");
  expect_part(text, "a b.png");
  expect_part(text,
              "Fine-tuning is likely to lower the error. It errs on its own images, too.\n"
              "  margay train 'my images' --arch resnet18 --weights cached --init-head probe --epochs 1 "
              "--label-regex '(.+)_'\n");
  expect_part(text, "2.5 seconds: features 2.0, fit 0.5\n");
  expect_part(text, "Try it:    margay predict runs/a/model.margay IMAGE\n");
  EXPECT_EQ(text.find("WARNING"), std::string::npos);
  EXPECT_EQ(text.find("\ndog "), std::string::npos);  // nothing is wrong with it
}

TEST(ProbeText, WarnsOnceWhereTheScoresDisagree) {
  run::Probed harder = probed();
  harder.result.valid->disagreement = {.error = {.value = 0.3, .p_value = 1e-9}, .loss = {}, .is_beyond_chance = true};
  const std::string text = probe_text(harder, options());
  expect_part(text, "WARNING: THE TWO ERRORS DISAGREE");
  expect_part(text, "--select valid");
  EXPECT_EQ(text.find("WARNING"), text.rfind("WARNING"));
  harder.result.valid->disagreement.error.value = -0.3;
  expect_part(probe_text(harder, options()), "margay check --near-duplicates");
}

TEST(ProbeText, SaysWhatWasLeftOutTogether) {
  run::Probed grouped = probed();
  grouped.grouping = "groups of `group_regex`";
  grouped.result.groups = 30;
  grouped.result.largest_group = 7;
  const std::string text = probe_text(grouped, options());
  expect_part(text, "leave-one-group-out");
  expect_part(text, "Left out together: groups of --group-regex; 100 images in 30 groups, the largest of 7");
}

TEST(ProbeText, DrawsTheLearningCurve) {
  run::Probed curved = probed();
  curved.result.curve = train::LearningCurve{.points = {{50, 0.3, 0.02, 4}, {100, 0.15, 0.01, 1}},
                                             .twice = train::ErrorForecast{200, 0.1, 0.08, 0.13},
                                             .why_no_forecast = ""};
  const std::string text = probe_text(curved, options());
  expect_part(text, "    50  0.3000 ± 0.0200  ##############################\n");
  expect_part(text, "   100  0.1500 ± 0.0100  ###############\n");
  expect_part(text, "Twice the images, 200: 0.1000 expected (0.0800 to 0.1300).\n");
}

TEST(ComparisonText, RanksAndNamesTheMissing) {
  run::ProbeComparison comparison;
  comparison.images = comparison.groups = 100;
  comparison.networks = {{"convnext_tiny", "w/convnext_tiny.safetensors", "", score(0.1, 0.3, 100), 40, {}},
                         {"resnet18",
                          "w/resnet18.safetensors",
                          "",
                          score(0.15, 0.5, 100),
                          0,
                          {.value = 0.05, .standard_error = 0.02, .noise = 0.04}},
                         {"resnet50", "w", "w: holds no weights", {}, 0, {}}};
  const std::string text = comparison_text(comparison, options());
  expect_part(text, "convnext_tiny  0.1000 ± 0.0100  0.3000 ± 0.0200            40.0  best\n");
  expect_part(text, "resnet18       0.1500 ± 0.0100  0.5000 ± 0.0200  from the cache  +0.0500 ± 0.0200, worse\n");
  expect_part(text, "Not probed: resnet50: w: holds no weights\n");
  expect_part(text,
              "  margay probe 'my images' --arch convnext_tiny --weights w/convnext_tiny.safetensors --label-regex "
              "'(.+)_'\n");
  EXPECT_EQ(comparison_json(comparison)["networks"][2]["problem"], "w: holds no weights");
}

}  // namespace
}  // namespace margay::cli
