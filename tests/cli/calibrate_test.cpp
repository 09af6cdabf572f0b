#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/bundle/bundle.h"
#include "margay/core/checksum.h"
#include "margay/predict/prediction_file.h"
#include "tests/support/command_line.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/trained_model.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::run_command;

class CalibrateCommand : public testing_support::TrainedModel {
 protected:
  CommandResult calibrate(const fs::path& data, std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(), {"calibrate", model_.string(), data.string(), "--num-workers", "1",
                                         "--replicates", "100", "--simulations", "50"});
    return run_command(arguments);
  }
  predict::Calibration kept() const { return bundle::load_bundle(model_).calibration; }

  /// Predictions of the model for six images, kept.
  fs::path keep_predictions(const torch::Tensor& logits) const {
    predict::KeptPredictions kept;
    kept.rows.logits = logits;
    kept.rows.targets = torch::arange(logits.size(0)) % 2;
    for (std::int64_t i = 0; i < logits.size(0); ++i) {
      kept.rows.ids.push_back(static_cast<std::size_t>(i));
      kept.names.add(std::to_string(i) + ".png");
    }
    kept.vocabulary = data::Vocabulary({"flat", "upright"});
    kept.origin = {{"model_sha256", core::sha256_of_file(model_)}};
    predict::save_predictions(folder_ / "kept", kept);
    return folder_ / "kept";
  }
};

TEST_F(CalibrateCommand, WritesTheTemperatureThatPredictionsThenHave) {
  const CommandResult before = run_command({"predict", model_.string(), images_.string(), "--csv"});
  const std::string sha256 = core::sha256_of_file(model_);
  expect_part(run_command({"model", "show", model_.string()}).output,
              "\ntemperature: 1, not calibrated\nnone of these: never, no threshold is set\n");
  const CommandResult result = calibrate(images_);
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "Judged: 4 of the 16 images");
  expect_part(result.output, "now predicts with this temperature.");
  EXPECT_EQ(kept().source, predict::CalibrationSource::kHeldOut);
  EXPECT_EQ(kept().images, 4);
  EXPECT_EQ(kept().data, "images");
  EXPECT_EQ(kept().model_sha256, sha256);
  EXPECT_NE(kept().temperature, 1);
  const CommandResult after = run_command({"predict", model_.string(), images_.string(), "--csv"});
  EXPECT_NE(after.output, before.output);
  EXPECT_EQ(run_command({"predict", model_.string(), images_.string(), "--csv", "--raw"}).output, before.output);
  const CommandResult explained =
      run_command({"explain", model_.string(), (images_ / "valid").string(), "--label", "flat"});
  expect_part(explained.output, "divided by the model's temperature");
}

TEST_F(CalibrateCommand, BeginsWithTheLogitsWhereTheModelHasATemperature) {
  ASSERT_EQ(calibrate(images_).status, 0);
  const predict::Calibration first = kept();
  const CommandResult again = calibrate(images_);
  expect_part(again.output, "already; it is fitted again, to the logits themselves");
  EXPECT_NEAR(kept().temperature, first.temperature, 1e-9 * first.temperature);
  EXPECT_EQ(kept().model_sha256, first.model_sha256);
}

TEST_F(CalibrateCommand, SetsAThresholdForNoneOfTheseThatPredictThenUses) {
  const CommandResult plain = run_command({"predict", model_.string(), images_.string(), "--alpha", "0.1"});
  EXPECT_EQ(plain.status, 2);
  expect_part(plain.errors, "`margay calibrate` makes one of this");
  const CommandResult result = calibrate(images_, {"--none-of-these", "--alpha", "0.5", "--score", "nearest"});
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(result.output,
              "guarantee   at most 50 % of images of the classes are refused (2 images set the threshold");
  EXPECT_EQ(kept().images, 2);  // the temperature has the others
  ASSERT_TRUE(bundle::load_bundle(model_).unknown.has_value());
  const CommandResult shown = run_command({"model", "show", model_.string()});
  expect_part(shown.output, "\ntemperature: ");
  expect_part(shown.output,
              ", fitted to 2 images: images\nnone of these: where p is at most 0.5, by the score nearest");
  const auto model = nlohmann::json::parse(run_command({"model", "show", model_.string(), "--json"}).output);
  EXPECT_EQ(model["calibration"]["temperature"], kept().temperature);
  EXPECT_EQ(model["unknown"]["score"], "nearest");
  const CommandResult csv = run_command({"predict", model_.string(), images_.string(), "--csv", "--top", "1"});
  expect_part(csv.output, "path,rank,label,probability,p_known,none_of_these\n");
  const CommandResult json =
      run_command({"predict", model_.string(), images_.string(), "--json", "--alpha", "0.4", "--top", "1"});
  const auto first = nlohmann::json::parse(json.output.substr(0, json.output.find('\n')));
  EXPECT_EQ(first["none_of_these"], first["p_known"].get<double>() <= 0.4);
}

TEST_F(CalibrateCommand, TellsNoneOfTheseByLogitsAloneWherePredictionsWereKept) {
  torch::manual_seed(1);
  const CommandResult result = calibrate(keep_predictions(torch::randn({8, 2})), {"--none-of-these", "--json"});
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto unknown = nlohmann::json::parse(result.output)["none_of_these"];
  EXPECT_EQ(unknown["can_refuse"], false);
  EXPECT_NE(unknown["notes"].dump().find("refusing one at --alpha 0.05 takes 19"), std::string::npos) << unknown;
}

TEST_F(CalibrateCommand, RefusesWhatWouldBreakTheGuarantee) {
  const CommandResult trained = calibrate(images_, {"--none-of-these", "--use-training-images", "--part", "all"});
  EXPECT_EQ(trained.status, 2);
  expect_part(trained.errors, "exclude each other");
  EXPECT_EQ(calibrate(images_, {"--alpha", "0.1"}).status, 2);  // needs --none-of-these
}

TEST_F(CalibrateCommand, OnlyLooksOrWritesElsewhereWhenAsked) {
  const std::string before = testing_support::file_content(model_);
  const CommandResult look = calibrate(images_, {"--dry-run"});
  ASSERT_EQ(look.status, 0) << look.errors;
  expect_part(look.output, "Nothing was written (--dry-run).");
  const fs::path other = folder_ / "other.margay";
  ASSERT_EQ(calibrate(images_, {"--out", other.string()}).status, 0);
  EXPECT_TRUE(bundle::load_bundle(other).calibration.is_fitted());
  EXPECT_EQ(testing_support::file_content(model_), before);
  EXPECT_EQ(calibrate(images_, {"--dry-run", "--out", other.string()}).status, 2);
}

TEST_F(CalibrateCommand, PrintsEveryNumberAsJson) {
  const CommandResult result = calibrate(images_, {"--json", "--dry-run"});
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_EQ(json["images"], 4);
  EXPECT_TRUE(json["after"]["ece"]["perfect"].is_number());
}

TEST_F(CalibrateCommand, RefusesTrainedImagesUnlessTold) {
  for (const char* part : {"train", "all"}) {
    const CommandResult refused = calibrate(images_, {"--part", part});
    EXPECT_EQ(refused.status, 3);
    expect_part(refused.errors, "were trained on, and a network is surer of those");
    EXPECT_FALSE(kept().is_fitted());
  }
  const CommandResult told = calibrate(images_, {"--part", "all", "--use-training-images"});
  EXPECT_EQ(told.status, 0) << told.errors;
  expect_part(told.errors, "12 of the 16 images were trained on");
}

TEST_F(CalibrateCommand, LeavesOutCopiesOfTrainedImages) {
  const fs::path others = folder_ / "others" / "flat";
  fs::create_directories(others);
  fs::copy_file(images_ / "train" / "flat" / "0.png", others / "copy.png");
  const CommandResult refused = calibrate(folder_ / "others");
  EXPECT_EQ(refused.status, 3);
  expect_part(refused.errors,
              "the model was trained on everything that was to be judged (1 image), as the contents say; give images "
              "that it has not seen");
  for (int i = 0; i < 3; ++i)
    data::write_png(others / (std::to_string(i) + ".png"), testing_support::striped_image(0, 300 + i, 26));
  const CommandResult result = calibrate(folder_ / "others");
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(kept().images, 3);
  expect_part(result.errors, "left out 1 image with the contents of images that the model was trained on: '" +
                                 (others / "copy.png").string() + "'");
}

TEST_F(CalibrateCommand, StartsFromKeptPredictionsOfThisModelAlone) {
  const torch::Tensor logits = torch::tensor({{2.F, 0.F}, {1.F, 0.F}, {0.F, 1.F}, {0.F, 3.F}, {1.F, 0.F}, {0.F, 1.F}});
  const fs::path folder = keep_predictions(logits);
  const CommandResult result = calibrate(folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(kept().images, 6);
  EXPECT_EQ(calibrate(folder).status, 0);  // also after the model's file has changed by that
  auto bundle = bundle::load_bundle(model_);
  bundle.calibration = {};
  bundle.provenance["other"] = true;
  bundle::save_bundle(model_, bundle);
  const CommandResult other = calibrate(folder);
  EXPECT_EQ(other.status, 3);
  expect_part(other.errors, "these predictions are not of");
}

TEST_F(CalibrateCommand, TakesTwoImagesAllRightAndAllWrong) {
  const torch::Tensor right = torch::tensor({{9.F, 0.F}, {0.F, 9.F}});
  const CommandResult two = calibrate(keep_predictions(right));
  EXPECT_EQ(two.status, 0) << two.errors;
  EXPECT_TRUE(std::isfinite(kept().temperature));
  EXPECT_GT(kept().temperature, 1);
  const CommandResult wrong = calibrate(keep_predictions(-right));
  expect_part(wrong.output, "the labels contradict the predictions");
  EXPECT_EQ(kept().temperature, 1000);
}

TEST_F(CalibrateCommand, RefusesWhatCannotBeFitted) {
  const CommandResult one = calibrate(keep_predictions(torch::tensor({{1.F, 0.F}})));
  EXPECT_EQ(one.status, 3);
  expect_part(one.errors, "only 1 image to calibrate by");
  const CommandResult averaged = calibrate(images_, {"--tta", "2"});
  EXPECT_EQ(averaged.status, 2);
  expect_part(averaged.errors, "fitted to plain predictions");
  EXPECT_EQ(calibrate(images_, {"--raw"}).status, 2);
  EXPECT_EQ(calibrate(images_, {"--unlabelled"}).status, 2);
  EXPECT_EQ(calibrate(folder_ / "absent").status, 3);
  EXPECT_FALSE(kept().is_fitted());
}

TEST_F(CalibrateCommand, LeavesTheModelAsItIsWhereItCannotBeWritten) {
  const std::string before = testing_support::file_content(model_);
  {
    const testing_support::FileSizeLimit disk(10'000);
    const CommandResult full = calibrate(images_);
    EXPECT_EQ(full.status, 1);
    expect_part(full.errors, model_.string());
    expect_part(full.output, "NLL");  // the numbers are worth printing all the same
  }
  EXPECT_EQ(testing_support::file_content(model_), before);
  fs::permissions(model_, fs::perms::owner_read);
  const CommandResult read_only = calibrate(images_);
  EXPECT_EQ(read_only.status, 1);
  expect_part(read_only.errors, "is read-only; --out writes the calibrated model to another file");
  EXPECT_EQ(testing_support::file_content(model_), before);
}

}  // namespace
}  // namespace margay::cli
