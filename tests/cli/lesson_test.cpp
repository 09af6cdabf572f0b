// margay explain --lesson, on a model that was trained for it.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "apps/cli/lesson_text.h"
#include "margay/bundle/bundle.h"
#include "margay/model/classifier.h"
#include "tests/support/command_line.h"
#include "tests/support/seeded_bundle.h"
#include "tests/support/tiny_training.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using testing_support::CommandResult;
using testing_support::run_command;

/// Wherever lines break.
void expect_said(const std::string& text, const std::string& part) {
  std::string on_one_line;
  for (const char c : text) {
    const bool is_blank = c == ' ' || c == '\n';
    if (!is_blank) on_one_line += c;
    if (is_blank && !on_one_line.ends_with(' ')) on_one_line += ' ';
  }
  testing_support::expect_part(on_one_line, part);
}

class LessonCommand : public testing_support::TinyTraining {
 protected:
  CommandResult lesson(const fs::path& model, const std::vector<std::string>& arguments) const {
    std::vector<std::string> line = {"explain", model.string(), "--lesson"};
    line.insert(line.end(), arguments.begin(), arguments.end());
    return run_command(line);
  }
  fs::path image_ = images_ / "valid" / "upright" / "0.png";
};

TEST_F(LessonCommand, WalksFromTheLabelToTheTraining) {
  write_unseen_validation_images();
  ASSERT_EQ(train({"--epochs", "2"}).status, 0);
  const CommandResult result = lesson(run_folder() / "model.margay", {image_.string(), "--data", images_.string()});
  ASSERT_EQ(result.status, 0) << result.errors;
  for (const char* part : {
           "1. The label The label is the name of the folder that holds the image: 'upright'.",
           "It is class 1 of 0 … 1",
           "uint8 [24,24,3]",
           "float [1,3,16,16]",
           "resnet20 gives each of the 2 classes a logit",
           "> upright",
           "By hand for 'upright': exp(",
           " The loss Of all probabilities",
           " The gradient It is the softmax",
           "If the image were labelled 'flat'",
           "4 of the 16 images of ",
           "Those labelled 'upright' are taken for '",
           "one_cycle 2 everything 0.002, 0.002, 0.002",
           " one_cycle 1 ",
           "Softmax has to share out 1 among these 2 classes",
       }) {
    expect_said(result.output, part);
  }
}

/// A model that knows nothing of a training.
class LessonOfAModel : public LessonCommand {
 protected:
  LessonOfAModel() { bundle::save_bundle(model_, testing_support::striped_bundle(0)); }
  fs::path model_ = folder_ / "model.margay";
};

TEST_F(LessonOfAModel, NeedsNeitherALabelNorTheData) {
  const fs::path other = folder_ / "other.png";
  fs::copy_file(image_, other);
  const CommandResult result = lesson(model_, {other.string()});
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_said(result.output, "It is no class of this model, so there is no loss.");
  expect_said(result.output, "Without a label there is none; the column -log p has the loss for each label.");
  expect_said(result.output, "--data FOLDER, the training's images, also shows what this class is confused with.");
  EXPECT_EQ(result.output.find("The gradient"), std::string::npos);
  expect_said(result.output, "This model does not know: an earlier version of the program made it.");
  expect_said(lesson(model_, {other.string(), "--label", "flat"}).output, "--label gives the label.");
}

TEST_F(LessonOfAModel, RefusesWhatItCannotTell) {
  const CommandResult many = lesson(model_, {images_.string()});
  EXPECT_EQ(many.status, 2);
  expect_said(many.errors, "[explain] --lesson is about one image, and 16 are given");
  EXPECT_EQ(lesson(model_, {image_.string(), "--json"}).status, 2);
  const CommandResult typo = lesson(model_, {image_.string(), "--label", "uprigt"});
  EXPECT_EQ(typo.status, 2);
  expect_said(typo.errors, "did you mean 'upright'");
  EXPECT_EQ(lesson(model_, {(folder_ / "missing.png").string()}).status, 3);
  EXPECT_EQ(lesson(model_, {image_.string(), "--data", (folder_ / "nowhere").string()}).status, 3);
  const CommandResult without = run_command({"explain", model_.string(), image_.string(), "--data", images_.string()});
  EXPECT_EQ(without.status, 2);
  expect_said(without.errors, "--data needs --lesson");
}

run::Lesson lesson_of(const torch::Tensor& logits, std::int64_t target) {
  run::Lesson lesson{.image = "a.jpg", .architecture = "resnet18", .label = {.words = "Given."}};
  lesson.xray = interpret::softmax_xray(logits, torch::tensor({target}, torch::kLong));
  for (std::int64_t k = 0; k < logits.size(1); ++k) lesson.classes.push_back(std::to_string(k));
  return lesson;
}

TEST(LessonText, ComputesByHandWhatTheTableHas) {
  const std::string text = lesson_text(lesson_of(torch::tensor({{1.0, 3.0}}), 0), interpret::Extent::kShort);
  // exp(1) = 2.7183, exp(3) = 20.0855, their sum 22.8038; 2.7183 / 22.8038 = 0.1192; -log 0.1192 = 2.1269
  expect_said(text, "By hand for '0': exp(1.0000) = 2.7183; divided by the sum, 22.8038, it is 0.1192.");
  expect_said(text, "-log 0.1192 = 2.1269.");
  expect_said(text, "0.1192 - 1 = -0.8808 for '0'");
  expect_said(text, "If the image were labelled '1', its loss would be 0.1269");
}

TEST(LessonText, SubtractsTheLargestLogitWhereExpWouldOverflow) {
  const std::string text = lesson_text(lesson_of(torch::tensor({{1000.0, 999.0}}), 0), interpret::Extent::kShort);
  expect_said(text, "exp(z - 1000.0000)");
  expect_said(text, "exp(1000.0000 - 1000.0000) = 1.0000; divided by the sum, 1.3679, it is 0.7311.");
  EXPECT_EQ(text.find("inf"), std::string::npos) << text;
}

TEST(LessonText, SaysThatTheModelIsCalibrated) {
  run::Lesson lesson = lesson_of(torch::tensor({{1.0, 3.0}}), 0);
  EXPECT_EQ(lesson_text(lesson, interpret::Extent::kShort).find("temperature"), std::string::npos);
  lesson.calibration = {.temperature = 1.25, .source = predict::CalibrationSource::kHeldOut, .images = 385};
  expect_said(lesson_text(lesson, interpret::Extent::kShort), "temperature, 1.2500, which was fitted to 385 images");
}

TEST(LessonText, ShowsTheLastOfManyEpochs) {
  run::Lesson lesson = lesson_of(torch::tensor({{1.0, 3.0}}), 0);
  lesson.stages = run::lesson_stages({.recipe = train::one_cycle_recipe(20), .epochs = {}}, 3);
  for (int i = 0; i < 20; ++i) {
    lesson.epochs.push_back({.stage = "one_cycle", .epoch = i, .train_loss = 1, .valid_loss = 100.0 + i});
  }
  const std::string brief = lesson_text(lesson, interpret::Extent::kShort);
  expect_said(brief, "119.0000");
  expect_said(brief, "8 epochs before them; `all` shows them.");
  EXPECT_EQ(brief.find("107.0000"), std::string::npos);
  expect_said(lesson_text(lesson, interpret::Extent::kAll), "100.0000");
}

TEST(LessonText, NamesCannotCommandATerminal) {
  run::Lesson lesson = lesson_of(torch::tensor({{1.0, 3.0}}), 0);
  lesson.image = "a\x1b[31m.jpg";
  lesson.label.words = "The label is 'b\nc'.";
  const std::string text = lesson_text(lesson, interpret::Extent::kShort);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  expect_said(text, "'b c'");
}

TEST(LessonText, AsksAYesOrNoOfEachClassWhereThereAreSeveralLabels) {
  run::Lesson lesson{.image = "a.jpg", .architecture = "resnet18", .classes = {"0", "1"}, .label = {.words = "Given."}};
  lesson.xray = interpret::sigmoid_xray(torch::tensor({{0.0, -2.0}}), torch::tensor({{1.0, 0.0}}));
  const std::string text = lesson_text(lesson, interpret::Extent::kShort);
  expect_said(text, "each class is a yes-no question of its own");
  // (log 2 + log(1 + exp(-2))) / 2 = (0.6931 + 0.1269) / 2
  expect_said(text, "the loss is their mean, 0.4100.");
  expect_said(text, "no class is mistaken for another");
}

}  // namespace
}  // namespace margay::cli
