#include "margay/run/start_training.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/bundle/bundle.h"
#include "margay/metric/metric.h"
#include "margay/model/classifier.h"
#include "margay/model/weights/published.h"
#include "margay/model/weights/safetensors.h"
#include "margay/predict/inference.h"
#include "margay/run/run_folder.h"
#include "margay/run/run_registry.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_batches.h"

namespace margay::run {
namespace {

/// Writes down what it is told, and wants a stop after so many steps.
class NotingObserver : public Observer {
 public:
  class StepCounter : public train::Callback {
   public:
    explicit StepCounter(int& steps) : steps_(steps) {}
    void after_step(train::Learner&, const train::Progress&) override { ++steps_; }

   private:
    int& steps_;
  };

  bool is_stop_wanted() const override { return steps >= stop_after; }
  std::vector<std::shared_ptr<train::Callback>> callbacks() override { return {std::make_shared<StepCounter>(steps)}; }
  void warned(const std::string& text) override { notes.push_back("warned: " + text); }
  void trains_from_scratch(const FromScratch& what) override { notes.push_back("from scratch: " + what.arch); }
  void started(const Started& start) override {
    notes.push_back("started");
    images = start.train_images;
  }
  void resumed(const Resumed& where) override {
    notes.emplace_back("resumed");
    resumed_from = where;
  }
  void repeated(std::int64_t i, std::int64_t, std::uint64_t) override {
    notes.push_back("repeat " + std::to_string(i));
  }
  void ended(const Ended& end) override {
    notes.push_back("ended");
    last = end;
  }
  void repeats_ended(const std::string& metric, const RunResult&) override { notes.push_back("repeats: " + metric); }

  std::vector<std::string> notes;
  std::int64_t images = 0;
  Resumed resumed_from;
  Ended last;
  int steps = 0;
  int stop_after = 1'000'000;
};

class StartTraining : public testing::Test {
 protected:
  StartTraining() {
    testing_support::use_tiny_images(options_.batch, folder_ / "images");
    options_.runs = folder_ / "runs";
    options_.arch = "resnet20";
    options_.epochs = 1;
    options_.vision_learner.learner.device = "cpu";
    options_.vision_learner.learner.precision = model::Precision::kFp32;
  }

  testing_support::TemporaryFolder folder_;
  TrainOptions options_;
};

TEST_F(StartTraining, AnnouncesAndPrintsNothing) {
  NotingObserver notes;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const Outcome outcome = start_training(options_, "", notes);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(outcome, Outcome::kDone);
  EXPECT_EQ(notes.notes, (std::vector<std::string>{"from scratch: resnet20", "started", "ended"}));
  EXPECT_EQ(notes.images, 12);
  EXPECT_EQ(notes.last.interruption, "");
  EXPECT_FALSE(notes.last.charts.empty());
  EXPECT_TRUE(std::filesystem::exists(notes.last.model));
  EXPECT_EQ(RunRegistry(options_.runs).all().at(0).status, RunStatus::kDone);
}

TEST_F(StartTraining, StopsWhenTheObserverWantsItAndGoesOnLater) {
  NotingObserver stopping;
  stopping.stop_after = 1;
  options_.epochs = 2;
  EXPECT_EQ(start_training(options_, "", stopping), Outcome::kInterrupted);
  EXPECT_NE(stopping.last.interruption, "");
  EXPECT_EQ(RunRegistry(options_.runs).all().at(0).status, RunStatus::kInterrupted);
  NotingObserver going_on;
  EXPECT_EQ(resume_training({.resume = stopping.last.folder, .lr_factor = 1}, options_.runs, "", going_on),
            Outcome::kDone);
  EXPECT_EQ(going_on.notes.front(), "resumed");
  EXPECT_TRUE(going_on.resumed_from.checkpoint);
  EXPECT_EQ(stopping.steps + going_on.steps, 6);  // two epochs of three batches
}

TEST_F(StartTraining, ValidatesAndPredictsAtAnotherSizeThanItTrainsAt) {
  options_.eval_size = 20;
  options_.recipe = "small: 1 epoch on 12 pixels at 1e-3\nlast: 1 epoch at 1e-3";
  NotingObserver notes;
  start_training(options_, "", notes);
  const RunRecord run = RunRegistry(options_.runs).all().at(0);
  EXPECT_EQ(RunFolder::open(options_.runs / run.folder).read_config<TrainOptions>().eval_size, 20);

  const bundle::Bundle model = bundle::load_bundle(notes.last.model);
  EXPECT_EQ(model.transforms.augment.size, 20);
  options_.batch.transforms = model.transforms;
  const data::Loaders data = make_loaders(options_.batch, "");
  const predict::Predictions predictions =
      predict::collect_predictions(*model.classifier, *data.valid,
                                   {.activation = metric::Activation::kSoftmax, .precision = model::Precision::kFp32});
  EXPECT_NEAR(predictions.losses.mean().item<double>(), run.epochs.back().valid_loss, 1e-4);
}

TEST_F(StartTraining, TellsOfEachRepeatAndOfThemAll) {
  NotingObserver notes;
  options_.repeats = 2;
  EXPECT_EQ(start_training(options_, "", notes), Outcome::kDone);
  EXPECT_EQ(notes.notes,
            (std::vector<std::string>{"repeat 1", "from scratch: " + options_.arch, "started", "ended", "repeat 2",
                                      "started", "ended", "repeats: error_rate", "repeats: valid_loss"}));
}

TEST_F(StartTraining, RefusesWhatCannotWorkBeforeAFolderIsMade) {
  NotingObserver notes;
  options_.name = "a/b";
  const std::string message =
      testing_support::thrown_message<std::invalid_argument>([&] { start_training(options_, "", notes); });
  EXPECT_NE(message.find("`name` 'a/b'"), std::string::npos) << message;
  EXPECT_TRUE(notes.notes.empty());
  EXPECT_FALSE(std::filesystem::exists(options_.runs));
}

TEST_F(StartTraining, RefusesSettingsThatAreNotUtf8BeforeAFolderIsMade) {
  NotingObserver notes;
  options_.batch.folder = folder_ / "im\xE9s";
  const std::string message =
      testing_support::thrown_message<std::invalid_argument>([&] { start_training(options_, "", notes); });
  EXPECT_NE(message.find("`folder`: '"), std::string::npos) << message;
  EXPECT_NE(message.find("im<E9>s' is not UTF-8"), std::string::npos) << message;
  EXPECT_FALSE(std::filesystem::exists(options_.runs));
}

TEST_F(StartTraining, GoesOnWithSimilarClassesOfARunFromBeforeTheyWereRefused) {
  for (const char* side : {"train", "valid"}) {
    std::filesystem::rename(options_.batch.folder / side / "flat", options_.batch.folder / side / "Cup");
    std::filesystem::rename(options_.batch.folder / side / "upright", options_.batch.folder / side / "cup");
  }
  NotingObserver refused;
  EXPECT_THROW(start_training(options_, "", refused), core::DataError);
  options_.batch.data.similar_classes = data::SimilarClasses::kKeep;
  options_.epochs = 2;
  NotingObserver stopping;
  stopping.stop_after = 1;
  EXPECT_EQ(start_training(options_, "", stopping), Outcome::kInterrupted);
  const std::filesystem::path config = stopping.last.folder / "config.json";
  auto json = nlohmann::ordered_json::parse(std::ifstream(config));
  json["batch"]["data"].erase("similar_classes");
  testing_support::write(config, json.dump());
  NotingObserver going_on;
  EXPECT_EQ(resume_training({.resume = stopping.last.folder, .lr_factor = 1}, options_.runs, "", going_on),
            Outcome::kDone);
}

/// resnet20's, whose metadata tells of another normalisation.
TEST_F(StartTraining, ReadsTheWeightsOnce) {
  class Remover : public NotingObserver {
   public:
    void recognised_weights(const std::string&) override {
      is_recognised = true;
      std::filesystem::remove(weights);
    }
    std::filesystem::path weights;
    bool is_recognised = false;
  };
  Remover remover;
  remover.weights = folder_ / "weights.safetensors";
  model::TensorMap state;
  for (const auto& [name, tensor] : model::make_classifier({.architecture = "resnet20"})->state()) {
    if (name.starts_with("backbone.")) state[name.substr(9)] = tensor;
  }
  model::write_safetensors(remover.weights, state, model::form_metadata({.name = "mine", .mean = {0.5, 0.5, 0.5}}));
  options_.vision_learner.weights = remover.weights;
  EXPECT_EQ(start_training(options_, "", remover), Outcome::kDone);
  EXPECT_TRUE(remover.is_recognised);
  EXPECT_FALSE(std::filesystem::exists(remover.weights));
}

TEST_F(StartTraining, WarnsOfARecipeThatFreezesRandomLayers) {
  NotingObserver notes;
  options_.recipe = "freeze 1 epochs at 1e-3";
  options_.epochs = TrainOptions().epochs;
  EXPECT_EQ(start_training(options_, "", notes), Outcome::kDone);
  EXPECT_NE(std::find_if(notes.notes.begin(), notes.notes.end(),
                         [](const std::string& note) {
                           return note.starts_with("warned: the recipe freezes layers, but without `weights`");
                         }),
            notes.notes.end());
}

TEST_F(StartTraining, NamesTheRunThatRanOutOfMemory) {
  class Hungry : public NotingObserver {
   public:
    class Eater : public train::Callback {
     public:
      void after_step(train::Learner&, const train::Progress&) override { torch::empty({std::int64_t{1} << 55}); }
    };
    std::vector<std::shared_ptr<train::Callback>> callbacks() override { return {std::make_shared<Eater>()}; }
  };
  Hungry hungry;
  try {
    start_training(options_, "", hungry);
    FAIL() << "it found more memory than there is";
  } catch (const RunError& error) {
    EXPECT_EQ(error.reason(), RunError::Reason::kOutOfMemory);
    EXPECT_TRUE(std::string(error.what())
                    .starts_with("out of memory (144115188.1 GB more were asked for); use a smaller "
                                 "`batch_size`"))
        << error.what();
  }
  const RunRecord record = RunRegistry(options_.runs).all().at(0);
  EXPECT_EQ(record.status, RunStatus::kFailed);
  EXPECT_EQ(record.message.find("frame #"), std::string::npos);
}

TEST(FromScratch, KnowsTheWeightsThatTheNextTrainingCouldHave) {
  const testing_support::TemporaryFolder cache;
  const FromScratch fresh = from_scratch("resnet18", cache.path());
  EXPECT_TRUE(fresh.weights_url.starts_with("https://"));
  EXPECT_EQ(fresh.place, cache / "weights/resnet18.safetensors");
  EXPECT_FALSE(fresh.is_in_cache);
  testing_support::write(cache / "weights/resnet18.pth", "");
  EXPECT_TRUE(from_scratch("resnet18", cache.path()).is_in_cache);
  EXPECT_EQ(from_scratch("resnet20", cache.path()).weights_url, "");
  EXPECT_EQ(from_scratch("auto", cache.path()).place, "");
  EXPECT_EQ(from_scratch("resnet18", "").place, "");
}

TEST_F(StartTraining, NamesTheRunWhoseModelCouldNotBeSaved) {
  class Blocker : public NotingObserver {
   public:
    void started(const Started& start) override { std::filesystem::create_directory(start.folder / "model.margay"); }
  };
  Blocker blocker;
  try {
    start_training(options_, "", blocker);
    FAIL() << "the model was saved over a folder";
  } catch (const RunError& error) {
    EXPECT_EQ(error.reason(), RunError::Reason::kModelNotSaved);
    EXPECT_TRUE(std::filesystem::is_directory(error.folder() / "checkpoints"));
  }
  EXPECT_EQ(RunRegistry(options_.runs).all().at(0).status, RunStatus::kFailed);
}

}  // namespace
}  // namespace margay::run
