#include "margay/run/lesson.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/classifier.h"
#include "margay/train/recipe/recipe_text.h"
#include "tests/support/tiny_images.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

data::Transforms lesson_transforms() { return {.resize = {.size = 24}, .augment = {.size = 16, .min_scale = 0.5}}; }

class LessonTest : public testing::Test {
 protected:
  LessonTest() {
    testing_support::write_tiny_images(folder_ / "images", 1, 1);
    torch::manual_seed(0);
    bundle_.classifier = model::make_classifier({.architecture = "resnet20", .num_classes = 3});
    bundle_.vocabulary = data::Vocabulary({"flat", "round", "upright"});
    bundle_.transforms = lesson_transforms();
  }
  Lesson lesson(const LessonSubject& subject) const { return make_lesson(bundle_, subject, logits_); }
  LessonSubject subject() const { return {.model = "m.margay", .image = image_}; }
  static const interpret::SoftmaxRow& row_of(const Lesson& lesson) {
    return std::get<interpret::SoftmaxXray>(lesson.xray).rows.at(0);
  }

  testing_support::TemporaryFolder folder_;
  fs::path image_ = folder_ / "images" / "valid" / "upright" / "0.png";
  bundle::Bundle bundle_;
  torch::Tensor logits_ = torch::tensor({{1.0, 0.5, -0.25}});
};

TEST_F(LessonTest, FindsTheLabelAsTheTrainingDid) {
  const Lesson by_folder = lesson(subject());
  ASSERT_TRUE(row_of(by_folder).target);
  EXPECT_EQ(row_of(by_folder).target->index, 2U);
  EXPECT_EQ(row_of(by_folder).name, image_.string());
  bundle_.provenance["data"] = {{"label_regex", "^(no such name)$"}};
  EXPECT_FALSE(row_of(lesson(subject())).target);
}

TEST_F(LessonTest, TakesALabelThatIsGiven) {
  LessonSubject with_label = subject();
  with_label.label = {"round"};
  EXPECT_EQ(row_of(lesson(with_label)).target->index, 1U);
}

TEST_F(LessonTest, SaysThatALabelIsNoClassOfTheModel) {
  bundle_.vocabulary = data::Vocabulary({"flat", "round", "tall"});
  const Lesson unknown = lesson(subject());
  EXPECT_FALSE(row_of(unknown).target);
  EXPECT_NE(unknown.label.words.find("'upright'. It is no class of this model"), std::string::npos)
      << unknown.label.words;
}

TEST_F(LessonTest, ShowsTheSizeAfterEachStep) {
  const std::vector<LessonStep> steps = lesson(subject()).steps;
  std::vector<std::string> sizes;
  for (const LessonStep& step : steps) sizes.push_back(step.size);
  EXPECT_EQ(sizes,
            (std::vector<std::string>{"uint8 [24,24,3]", "uint8 [24,24,3]", "float [16,16,3]", "float [1,3,16,16]"}));
  EXPECT_NE(steps[0].what.find("PNG, "), std::string::npos) << steps[0].what;
  EXPECT_NE(steps[0].what.find("24x24 pixels"), std::string::npos) << steps[0].what;
}

TEST_F(LessonTest, SaysWhichPartOfAnImagePresizingTakes) {
  const fs::path wide = folder_ / "wide.png";
  data::write_png(wide, core::Image(30, 50));
  const auto what = [&](data::ResizeMethod method) {
    data::Transforms transforms = lesson_transforms();
    transforms.resize.method = method;
    return lesson_steps(wide, data::ImagePipeline(transforms)).at(1).what;
  };
  EXPECT_EQ(what(data::ResizeMethod::kCrop), "the largest square, 30x30 pixels in the middle; in training anywhere");
  EXPECT_EQ(what(data::ResizeMethod::kPad), "the whole image in a square of 50x50, the rest filled");
  EXPECT_EQ(what(data::ResizeMethod::kSquish), "the whole image, squeezed to a square");
  EXPECT_EQ(what(data::ResizeMethod::kRandomCrop), "the middle, as random_crop takes it for validation");
}

TEST_F(LessonTest, SaysWhatTrainingChanges) {
  EXPECT_EQ(lesson(subject()).steps[2].what, "all of it; in training a crop of 0.5 or more, flipped, turned up to 10°");
  bundle_.transforms.augment = {.size = 16, .do_flip = false, .p_affine = 0};
  EXPECT_EQ(lesson(subject()).steps[2].what, "all of it");
}

TEST_F(LessonTest, DividesTheLogitsByTheTemperature) {
  LessonSubject calibrated = subject();
  calibrated.calibration = {.temperature = 2, .source = predict::CalibrationSource::kHeldOut, .images = 9};
  const Lesson lesson = this->lesson(calibrated);
  EXPECT_EQ(row_of(lesson).classes[0].activation, 0.5);
  EXPECT_EQ(row_of(lesson).classes[2].activation, -0.125);
}

TEST_F(LessonTest, GivesEachOfSeveralLabelsItsTarget) {
  bundle_.task = data::Task::kMultiLabel;
  LessonSubject both = subject();
  both.label = {"flat", "round"};
  const auto row = std::get<interpret::SigmoidXray>(lesson(both).xray).rows.at(0);
  EXPECT_TRUE(row.classes[0].is_there);
  EXPECT_TRUE(row.classes[1].is_there);
  EXPECT_FALSE(row.classes[2].is_there);
}

TEST_F(LessonTest, KnowsItsTraining) {
  EXPECT_TRUE(lesson(subject()).stages.empty());
  bundle_.provenance["recipe"] = train::recipe_text(train::fine_tune_recipe(3));
  bundle_.provenance["history"] = {{{"stage", "frozen"}, {"epoch", 0}, {"train_loss", 2.5}, {"error_rate", 0.25}}};
  const Lesson trained = lesson(subject());
  ASSERT_EQ(trained.stages.size(), 2U);
  EXPECT_EQ(trained.stages[0].name, "frozen");
  EXPECT_EQ(trained.stages[0].first_trained, 2);
  EXPECT_EQ(trained.stages[1].first_trained, 0);
  EXPECT_EQ(trained.stages[1].epochs, 3);
  ASSERT_EQ(trained.epochs.size(), 1U);
  EXPECT_EQ(trained.epochs[0].metrics, (std::vector<std::pair<std::string, double>>{{"error_rate", 0.25}}));
  bundle_.provenance["recipe"] = "three epochs, please";
  EXPECT_THROW(lesson(subject()), core::FormatError);
}

TEST(LessonStages, HaveTheRatesThatTheirGroupsTrainedWith) {
  const TrainingHistory history{
      .recipe = train::parse_recipe("freeze 1 epoch at 2e-3\nunfreeze 3 epochs at slice(1e-5,1e-3) div=5"),
      .lr_factor = 0.5,
      .epochs = {}};
  const std::vector<LessonStage> stages = lesson_stages(history, 3);
  ASSERT_EQ(stages.size(), 2U);
  ASSERT_EQ(stages[1].peak_lrs.size(), 3U);
  EXPECT_NEAR(stages[1].peak_lrs[0], 0.5e-5, 1e-12);
  EXPECT_NEAR(stages[1].peak_lrs[1], 0.5e-4, 1e-12);
  EXPECT_NEAR(stages[1].peak_lrs[2], 0.5e-3, 1e-12);
  EXPECT_NEAR(stages[1].lr[0], 0.5e-3 / 5, 1e-12);
  EXPECT_NEAR(stages[1].lr[1], 0.5e-3, 1e-12);
  EXPECT_NEAR(stages[1].lr[2], 0.5e-3 / 1e5, 1e-12);
}

TEST(LessonStages, KeepGroupsFrozenUntilAStageSaysOtherwise) {
  const auto stages = lesson_stages({.recipe = train::parse_recipe("freeze_to 1 1 epoch at 1e-3\n2 epochs at 1e-4\n"
                                                                   "unfreeze 1 epoch at 1e-5"),
                                     .epochs = {}},
                                    3);
  EXPECT_EQ(stages[0].first_trained, 1);
  EXPECT_EQ(stages[1].first_trained, 1);
  EXPECT_EQ(stages[2].first_trained, 0);
}

TEST(LessonStages, OfAProbeIsSolvedWithoutRates) {
  const std::optional<TrainingHistory> probe = training_history({{"kind", "probe"}});
  ASSERT_TRUE(probe);
  const std::vector<LessonStage> stages = lesson_stages(*probe, 3);
  ASSERT_EQ(stages.size(), 1U);
  EXPECT_EQ(stages[0].epochs, 0);
  EXPECT_EQ(stages[0].first_trained, 2);
  EXPECT_TRUE(stages[0].peak_lrs.empty());
}

TEST(LessonConfusion, ListsWhatAClassIsTakenForAndWhatForIt) {
  const data::Vocabulary vocabulary({"a", "b", "c"});
  const torch::Tensor counts = torch::tensor({{5, 1, 2}, {0, 7, 3}, {1, 0, 4}}, torch::kLong);
  const LessonConfusion c = lesson_confusion(counts, 2, vocabulary, "all");
  using Counts = std::vector<std::pair<std::string, std::int64_t>>;
  EXPECT_EQ(c.label, "c");
  EXPECT_EQ(c.called, (Counts{{"c", 4}, {"a", 1}}));
  EXPECT_EQ(c.taken, (Counts{{"b", 3}, {"a", 2}}));
}

}  // namespace
}  // namespace margay::run
