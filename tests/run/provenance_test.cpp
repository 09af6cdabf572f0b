#include "margay/run/provenance.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/train/recipe/recipe_text.h"
#include "margay/train/vision_learner.h"
#include "tests/support/edited_data.h"
#include "tests/support/tiny_images.h"

namespace margay::run {
namespace {

TEST(Provenance, RemembersRecipeAndEpochs) {
  const testing_support::TemporaryFolder folder;
  testing_support::write_tiny_images(folder.path(), 4, 2);
  train::Learner learner =
      train::vision_learner(testing_support::tiny_block(folder.path()).loaders({.batch_size = 4}), "resnet20");
  const train::Stages recipe = train::parse_recipe("freeze 1 epoch at 1e-3; unfreeze 1 epoch at slice(1e-5,1e-3)");
  learner.run(recipe);
  const auto json = provenance({.label_regex = "(a)"}, train::recipe_text(recipe), learner, &learner.history().back());

  const std::optional<TrainingHistory> history = training_history(json);
  ASSERT_TRUE(history);
  EXPECT_EQ(train::recipe_text(history->recipe), train::recipe_text(recipe));
  EXPECT_EQ(history->lr_factor, 1);
  ASSERT_EQ(history->epochs.size(), 2U);
  EXPECT_EQ(history->epochs[0].stage, "frozen");
  EXPECT_EQ(history->epochs[1].stage, "unfrozen");
  EXPECT_EQ(history->epochs[1].train_loss, learner.history()[1].train_loss);
  EXPECT_EQ(history->epochs[1].valid_loss, learner.history()[1].valid_loss);
  EXPECT_EQ(history->epochs[1].metrics.at(0).first, "error_rate");
  EXPECT_EQ(history->epochs[1].metrics.at(0).second, learner.metric_value("error_rate"));
  EXPECT_EQ(json["valid_loss"], learner.history()[1].valid_loss);
  EXPECT_FALSE(json["history"][0].contains("seconds"));
  EXPECT_EQ(remembered_options(json, "m.margay").label_regex, "(a)");
}

TEST(Provenance, RecordsWhichDecisionsApplied) {
  const testing_support::TemporaryFolder folder;
  testing_support::write_tiny_images(folder.path(), 4, 2);
  data::Journal journal = testing_support::journal_for(folder.path());
  journal.append(
      testing_support::decision_about(folder.path(), "train/flat/0.png", data::DecisionKind::kDelete, {"flat"}));
  const auto edits = std::make_shared<data::LabelEdits>(testing_support::edits_for(folder.path(), journal));
  const auto block = testing_support::tiny_block(folder.path());
  EXPECT_TRUE(edits_record(block.loaders({.batch_size = 4})).is_null());
  const auto json = edits_record(data::DataBlock(block).edits(edits).loaders({.batch_size = 4}));
  EXPECT_EQ(json["journal_sha256"], journal.hash());
  EXPECT_EQ(json["changes_sha256"], edits->hash());
  EXPECT_EQ(json["decisions"], 1);
  EXPECT_EQ(json["applied"], 1);
  EXPECT_EQ(json["deleted"], 1);
}

TEST(TrainingHistory, IsNothingOfAModelThatDoesNotKnowIt) {
  EXPECT_FALSE(training_history(nlohmann::ordered_json::object()));
  EXPECT_FALSE(training_history({{"program", "margay 0.1"}, {"epochs_done", 3}}));
}

TEST(TrainingHistory, HasNoNumberThatWasNotMeasured) {
  const auto history = training_history(
      {{"recipe", "1 epoch at 1e-3"}, {"history", {{{"stage", "one_cycle"}, {"epoch", 0}, {"train_loss", 1.5}}}}});
  ASSERT_TRUE(history);
  EXPECT_TRUE(std::isnan(history->epochs.at(0).valid_loss));
  EXPECT_TRUE(history->epochs.at(0).metrics.empty());
}

TEST(TrainingHistory, OfAnotherFormIsAnError) {
  EXPECT_THROW(training_history({{"recipe", 7}}), std::invalid_argument);
  EXPECT_THROW(training_history({{"recipe", "three epochs"}}), std::invalid_argument);
  EXPECT_THROW(training_history({{"recipe", "1 epoch at 1e-3"}, {"history", {{{"stage", 1}}}}}), std::invalid_argument);
  EXPECT_THROW(remembered_options({{"data", {{"no_such_option", 1}}}}, "m.margay"), core::FormatError);
}

}  // namespace
}  // namespace margay::run
