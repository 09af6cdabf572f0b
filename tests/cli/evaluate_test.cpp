#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/model/weights/safetensors.h"
#include "tests/support/command_line.h"
#include "tests/support/trained_model.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::run_command;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

class EvaluateCommand : public testing_support::TrainedModel {
 protected:
  CommandResult evaluate(const fs::path& folder, std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(), {"evaluate", model_.string(), folder.string(), "--num-workers", "1"});
    return run_command(arguments);
  }
};

TEST_F(EvaluateCommand, SaysInItsFirstLineWhatItJudgesAndWhy) {
  const CommandResult result = evaluate(images_);
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(first_line(result.output), "Judged: 4 of the 16 images of " + images_.string() +
                                           ": the validation set of the training, as the model remembers them (12 "
                                           "trained, 4 validated, 0 the training did not have).");
  expect_part(result.output, "\nimages    4\n");
  const CommandResult all = evaluate(images_, {"--part", "all"});
  expect_part(all.output, "\nimages    16\n");
  const CommandResult train = evaluate(images_, {"--part", "train"});
  expect_part(train.output, "\nimages    12\n");
}

TEST_F(EvaluateCommand, JudgesAFolderOfOtherImagesWithoutCopiesOfTrainedOnes) {
  const fs::path test = folder_ / "test";
  for (const int kind : {0, 1}) {
    for (int i = 0; i < 3; ++i) {
      const fs::path place = test / (kind == 0 ? "flat" : "upright");
      fs::create_directories(place);
      data::write_png(place / (std::to_string(i) + ".png"), testing_support::striped_image(kind, 200 + i, 26));
    }
  }
  const CommandResult result = evaluate(test);
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(first_line(result.output), "all 6 images of " + test.string() + ": this is not the folder that");
  expect_part(result.output, "\nimages    6\n");
  EXPECT_EQ(result.errors, "");
  fs::copy_file(images_ / "train" / "flat" / "0.png", test / "flat" / "copy.png");
  const CommandResult with_copy = evaluate(test);
  expect_part(with_copy.output, "\nimages    6\n");
  expect_part(with_copy.errors, "left out 1 image with the contents of images that the model was trained on: '" +
                                    (test / "flat" / "copy.png").string() + "'");
  expect_part(evaluate(test, {"--part", "all"}).output, "\nimages    7\n");
}

TEST_F(EvaluateCommand, RefusesAFolderOfTrainedImagesAlone) {
  const fs::path copies = folder_ / "copies" / "flat";
  fs::create_directories(copies);
  fs::copy_file(images_ / "train" / "flat" / "0.png", copies / "other name.png");
  const CommandResult result = evaluate(folder_ / "copies");
  EXPECT_EQ(result.status, 3);
  expect_part(result.errors,
              "the model was trained on everything that was to be judged (1 image), as the contents say");
}

TEST_F(EvaluateCommand, NamesUnknownClassesAndTheFlagThatLeavesThemOut) {
  const fs::path test = folder_ / "test";
  fs::create_directories(test / "zebra");
  fs::create_directories(test / "flat");
  data::write_png(test / "zebra" / "a.png", testing_support::striped_image(0, 300, 26));
  data::write_png(test / "flat" / "b.png", testing_support::striped_image(0, 301, 26));
  const CommandResult refused = evaluate(test);
  EXPECT_EQ(refused.status, 3);
  expect_part(refused.errors,
              "1 of the 2 images to judge have classes that the model does not know: 'zebra' (1 image)");
  expect_part(refused.errors, "--unknown-classes leave_out judges the others");
  const CommandResult rest = evaluate(test, {"--unknown-classes", "leave_out"});
  EXPECT_EQ(rest.status, 0) << rest.errors;
  expect_part(rest.output, "Judged: 1 of the 2 images of ");
  expect_part(rest.output, "\nimages    1\n");
  expect_part(rest.errors, "'zebra' (1 image)");
}

TEST_F(EvaluateCommand, SaysThatAModelOfAnEarlierVersionCannotKnow) {
  model::SafetensorsFile file = model::read_safetensors(model_);
  std::erase_if(file.tensors, [](const auto& each) { return each.first.starts_with("margay."); });
  auto header = nlohmann::ordered_json::parse(file.metadata.at("margay"));
  header["format_version"] = 1;
  header.erase("known_images_salt");
  model::write_safetensors(model_, file.tensors, {{"margay", header.dump()}});
  const CommandResult result = evaluate(images_);
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(first_line(result.output), "a model of an earlier version of Margay, which does not remember");
  expect_part(first_line(result.output), "--part all judges a folder of other images whole");
  expect_part(result.output, "\nimages    4\n");
}

TEST_F(EvaluateCommand, PrintsWhatIsWrongBelowItsFirstLines) {
  const CommandResult result = evaluate(images_);
  ASSERT_EQ(result.status, 0) << result.errors;
  for (const char* part :
       {"number ", "Classes, the worst F1 first", "macro avg", "Recall of each class",
        "Confusion matrix: ", "Most confused pairs", "Highest losses", "Expected calibration error"}) {
    expect_part(result.output, part);
  }
  EXPECT_LT(result.output.find("loss        "), result.output.find("macro avg"));
}

TEST_F(EvaluateCommand, LeavesAReportFromWhichTheNextOneStarts) {
  const fs::path report = folder_ / "report";
  const CommandResult first = evaluate(images_, {"--report", report.string()});
  ASSERT_EQ(first.status, 0) << first.errors;
  expect_part(first.output, "Report: " + (report / "report.html").string());
  EXPECT_TRUE(fs::exists(report / "report.html"));
  EXPECT_TRUE(fs::exists(report / "confusion_matrix.svg"));
  fs::remove(model_);  // the network cannot run again
  const CommandResult again = run_command({"evaluate", report.string(), "--json"});
  ASSERT_EQ(again.status, 0) << again.errors;
  EXPECT_EQ(nlohmann::ordered_json::parse(again.output).at("num_images"), 4);
  const CommandResult elsewhere =
      run_command({"evaluate", report.string(), "--order", "size", "--report", (folder_ / "by-size").string()});
  ASSERT_EQ(elsewhere.status, 0) << elsewhere.errors;
  expect_part(first_line(elsewhere.output),
              "Judged: the predictions in " + report.string() + ": 4 of the 16 images of ");
  expect_part(elsewhere.output, "\nimages    4\n");
}

TEST_F(EvaluateCommand, ReplacesNothingThatItIsNotToldToReplace) {
  const fs::path report = folder_ / "report";
  ASSERT_EQ(evaluate(images_, {"--report", report.string()}).status, 0);
  const CommandResult refused = evaluate(images_, {"--report", report.string()});
  EXPECT_EQ(refused.status, 3);
  expect_part(refused.errors, "--overwrite replaces its files");
  EXPECT_EQ(evaluate(images_, {"--report", report.string(), "--overwrite"}).status, 0);
  const CommandResult into_images = evaluate(images_, {"--report", images_.string(), "--overwrite"});
  EXPECT_EQ(into_images.status, 3);
  expect_part(into_images.errors, "holds other things and no report");
}

TEST_F(EvaluateCommand, RefusesFlagsThatKeptPredictionsCannotHonour) {
  const fs::path kept = folder_ / "kept";
  ASSERT_EQ(evaluate(images_, {"--predictions", kept.string()}).status, 0);
  const CommandResult result = run_command({"evaluate", kept.string(), "--part", "all"});
  EXPECT_EQ(result.status, 2);
  expect_part(result.errors, "--part has no effect on predictions that were kept");
  const CommandResult no_images = run_command({"evaluate", model_.string()});
  EXPECT_EQ(no_images.status, 2);
  expect_part(no_images.errors, "is a model, so give a folder of images");
}

TEST_F(EvaluateCommand, SaysWhatItCanOfImagesWithoutLabels) {
  const fs::path loose = folder_ / "loose";
  fs::create_directories(loose);
  for (int i = 0; i < 2; ++i) {
    data::write_png(loose / (std::to_string(i) + ".png"), testing_support::striped_image(i, 400 + i, 26));
  }
  const CommandResult refused = evaluate(loose);
  EXPECT_EQ(refused.status, 3);
  const CommandResult result = evaluate(loose, {"--unlabelled"});
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(first_line(result.output), "all 2 images of " + loose.string() + ", without labels");
  expect_part(result.output, "How sure the predictions are");
  EXPECT_EQ(result.output.find("error_rate"), std::string::npos);
}

TEST_F(EvaluateCommand, ComparesTwoModelsOnTheImagesOfBoth) {
  const fs::path kept = folder_ / "kept";
  ASSERT_EQ(evaluate(images_, {"--predictions", kept.string()}).status, 0);
  const CommandResult result =
      run_command({"compare", model_.string(), kept.string(), images_.string(), "--num-workers", "1"});
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "4 images that both judge.");
  expect_part(result.output, "McNemar's exact test: p = 1.000");
  const CommandResult json = run_command({"compare", kept.string(), kept.string(), "--json"});
  ASSERT_EQ(json.status, 0) << json.errors;
  EXPECT_EQ(nlohmann::ordered_json::parse(json.output).at("images"), 4);
  const CommandResult needless = run_command({"compare", kept.string(), kept.string(), images_.string()});
  EXPECT_EQ(needless.status, 2);
  expect_part(needless.errors, "leave folder out");
}

}  // namespace
}  // namespace margay::cli
