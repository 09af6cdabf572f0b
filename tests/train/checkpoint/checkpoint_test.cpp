#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <utility>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/random.h"
#include "margay/model/weights/safetensors.h"
#include "margay/train/callback/callback.h"
#include "margay/train/callback/swa.h"
#include "margay/train/callback/tracker.h"
#include "margay/train/callback/weight_average.h"
#include "margay/train/checkpoint/checkpoint.h"
#include "margay/train/checkpoint/checkpoint_folder.h"
#include "margay/train/log/text_log.h"
#include "margay/train/recipe/recipe_text.h"
#include "margay/train/vision_learner.h"
#include "tests/support/edited_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

namespace fs = std::filesystem;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

constexpr std::size_t kStepsOfTrain = 15;  // 5 in an epoch

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() { testing_support::write_tiny_images(folder_.path(), 20, 6); }

  Learner learner(std::int64_t accumulate = 1) const {
    data::Loaders loaders =
        testing_support::tiny_block(folder_.path()).loaders({.batch_size = 8, .num_workers = 2, .seed = 1});
    return vision_learner(std::move(loaders), "resnet20",
                          {.seed = 1,
                           .head = {.dropout = {0.5}},
                           .learner = {.precision = model::Precision::kFp32, .accumulate = accumulate}});
  }
  static void train(Learner& learner) { learner.fit_one_cycle(3, 5e-3); }
  fs::path file() const { return folder_ / "c.safetensors"; }

  TemporaryFolder folder_;
};

model::TensorMap everything(Learner& learner) {
  model::TensorMap all;
  for (const auto& [name, tensor] : learner.classifier().state()) all[name] = tensor.clone();
  for (const auto& [name, tensor] : learner.optimizer().state()) all["optimizer." + name] = tensor.clone();
  return all;
}

void expect_equal(const model::TensorMap& a, const model::TensorMap& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(b.at(name).equal(tensor)) << name;
}

std::int64_t count_lines(const fs::path& path) {
  std::ifstream file(path);
  return std::count(std::istreambuf_iterator<char>(file), {}, '\n');
}

/// Ends the fit in the `count`-th after_batch, of training or validation.
std::shared_ptr<StopWhen> stop_after(int count) {
  return std::make_shared<StopWhen>([count]() mutable { return --count == 0; });
}

TEST_F(CheckpointTest, GoesOnFromWhereverItWasInterruptedAsIfNothingHadHappened) {
  Learner whole = learner();
  train(whole);
  core::Random random({7});
  for (int i = 0; i < 6; ++i) {
    const int stop = 1 + static_cast<int>(random.below(20));  // 5 training and 2 validation batches in each epoch
    Learner first = learner();
    first.add_callback(stop_after(stop));
    EXPECT_THROW(train(first), core::Interrupted);
    save_checkpoint(file(), first);
    Learner second = learner();
    torch::manual_seed(99);
    load_checkpoint(file(), second);
    train(second);
    expect_equal(everything(whole), everything(second));
    ASSERT_EQ(second.steps().size(), kStepsOfTrain) << stop;
    ASSERT_EQ(second.history().size(), 3U);
    for (std::size_t epoch = 0; epoch < 3; ++epoch) {
      EXPECT_EQ(second.history()[epoch].train_loss, whole.history()[epoch].train_loss) << stop;
      EXPECT_EQ(second.history()[epoch].valid_loss, whole.history()[epoch].valid_loss) << stop;
    }
  }
}

TEST_F(CheckpointTest, HoldsWhatCallbacksKnow) {
  const auto listen = [this](Learner& learner, const std::string& log) {
    const auto average = std::make_shared<WeightAverage>(learner.classifier());
    learner.add_callback(average);
    learner.add_callback(std::make_shared<Swa>(learner.classifier(), SwaOptions{.swa_start = 0}));
    learner.add_callback(std::make_shared<ReduceOnPlateau>(MonitorOptions{.monitor = "error_rate"},
                                                           ReduceOnPlateauOptions{.plateau_patience = 1}));
    learner.add_callback(std::make_shared<JsonLinesLog>(folder_ / log, nullptr));
    return average;
  };
  Learner whole = learner();
  const auto average = listen(whole, "whole.jsonl");
  train(whole);
  for (const int stop : {3, 6, 9, 17}) {  // training, validation, training after it
    const std::string log = std::to_string(stop) + ".jsonl";
    Learner first = learner();
    listen(first, log);
    first.add_callback(stop_after(stop));
    EXPECT_THROW(train(first), core::Interrupted);
    save_checkpoint(file(), first);
    Learner second = learner();
    const auto resumed = listen(second, log);
    load_checkpoint(file(), second);
    train(second);
    expect_equal(everything(whole), everything(second));
    expect_equal(average->state().tensors, resumed->state().tensors);
    EXPECT_EQ(second.history().back().valid_loss, whole.history().back().valid_loss);
    EXPECT_EQ(count_lines(folder_ / log), count_lines(folder_ / "whole.jsonl"));
  }
}

TEST_F(CheckpointTest, OfAFitThatWasEndedEarlyDoesNotTrainTheRestOfIt) {
  class Cancel : public Callback {
    void after_epoch(Learner& learner, const Progress&, const EpochRecord&) override { learner.cancel_fit(); }
  };
  Learner first = learner();
  first.add_callback(std::make_shared<Cancel>());
  first.add_callback(
      std::make_shared<SaveCheckpoints>(CheckpointFolder(folder_ / "c"), std::chrono::hours(1), nullptr));
  train(first);
  ASSERT_EQ(first.history().size(), 1U);
  Learner second = learner();
  std::vector<std::string> problems;
  ASSERT_TRUE(CheckpointFolder(folder_ / "c").resume(second, problems));
  train(second);
  EXPECT_EQ(second.history().size(), 1U);
  expect_equal(everything(first), everything(second));
}

TEST_F(CheckpointTest, KnowsWhichGroupsWereFrozen) {
  const Stages recipe = parse_recipe("freeze 1 epoch at 1e-3; 2 epochs at 1e-3");
  Learner whole = learner();
  whole.run(recipe);
  Learner first = learner();
  first.add_callback(stop_after(9));  // in the second stage, which says nothing of groups
  EXPECT_THROW(first.run(recipe), core::Interrupted);
  save_checkpoint(file(), first);
  Learner second = learner();
  load_checkpoint(file(), second);
  second.run(recipe);
  expect_equal(everything(whole), everything(second));
}

TEST_F(CheckpointTest, AveragesTheLastStepOfAnEpochOfGatheredBatches) {
  const auto averaged = [](Learner& learner) {
    const auto average = std::make_shared<WeightAverage>(learner.classifier());
    learner.add_callback(average);
    return average;
  };
  Learner whole = learner(2);  // 5 batches: 2, 2, 1
  const auto average = averaged(whole);
  train(whole);
  EXPECT_EQ(average->updates(), 9);
  Learner first = learner(2);
  averaged(first);
  first.add_callback(stop_after(7));  // in the first validation
  EXPECT_THROW(train(first), core::Interrupted);
  save_checkpoint(file(), first);
  Learner second = learner(2);
  const auto resumed = averaged(second);
  load_checkpoint(file(), second);
  train(second);
  expect_equal(average->state().tensors, resumed->state().tensors);
}

TEST_F(CheckpointTest, NamesAnImageWhosePathIsNoUtf8) {
  testing_support::write(folder_ / "train/flat/\xff.png", "not an image");
  Learner learner = this->learner();
  learner.add_callback(
      std::make_shared<SaveCheckpoints>(CheckpointFolder(folder_ / "c"), std::chrono::hours(1), nullptr));
  EXPECT_NO_THROW(learner.fit(1, 1e-3));
  EXPECT_EQ(learner.skipped().size(), 1U);
}

TEST_F(CheckpointTest, FolderDeletesWhatLiesInAnotherFuture) {
  const CheckpointFolder folder(folder_ / "c", 1);
  Learner learner = this->learner();
  testing_support::write(folder_ / "c.tmp", "");
  fs::create_directories(folder_ / "c");
  testing_support::write(folder_ / "c/step-0000000099.safetensors", "torn");
  const fs::path saved = folder.save(learner);
  EXPECT_EQ(folder.files(), std::vector<fs::path>{saved});
}

TEST_F(CheckpointTest, IsRefusedBeforeCallbacksWhoseStateItWouldMiss) {
  Learner learner = this->learner();
  learner.add_callback(
      std::make_shared<SaveCheckpoints>(CheckpointFolder(folder_ / "c"), std::chrono::hours(1), nullptr));
  learner.add_callback(std::make_shared<WeightAverage>(learner.classifier()));
  EXPECT_THROW(learner.fit(1, 1e-3), std::invalid_argument);
  EXPECT_THROW(learner.add_callback(std::make_shared<WeightAverage>(learner.classifier())), std::invalid_argument);
}

TEST_F(CheckpointTest, StopsOnlyBetweenStepsOfSeveralBatches) {
  Learner whole = learner(2);
  train(whole);
  Learner first = learner(2);
  first.add_callback(stop_after(3));
  EXPECT_THROW(train(first), core::Interrupted);
  EXPECT_FALSE(first.has_pending_gradients());
  save_checkpoint(file(), first);
  Learner second = learner(2);
  load_checkpoint(file(), second);
  train(second);
  expect_equal(everything(whole), everything(second));
}

TEST_F(CheckpointTest, BetweenTwoFitsBeginsTheNext) {
  Learner first = learner();
  first.fit(1, 1e-3);
  save_checkpoint(file(), first);
  first.fit(1, 1e-3);
  Learner second = learner();
  load_checkpoint(file(), second);
  EXPECT_EQ(second.passes(), 1);
  second.fit(1, 1e-3);
  expect_equal(everything(first), everything(second));
}

TEST_F(CheckpointTest, RefusesToGoOnWithAnotherStage) {
  Learner first = learner();
  first.add_callback(stop_after(2));
  EXPECT_THROW(train(first), core::Interrupted);
  save_checkpoint(file(), first);
  Learner second = learner();
  load_checkpoint(file(), second);
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { second.fit(1, 1e-3); }),
            "[fit] training stood in the stage 'one_cycle', which 'fit' cannot go on");
}

TEST_F(CheckpointTest, NoticesEveryChangedByte) {
  Learner learner = this->learner();
  save_checkpoint(file(), learner);
  std::ifstream in(file(), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  core::Random random({3});
  for (int i = 0; i < 30; ++i) {
    std::string torn = bytes;
    const auto at = static_cast<std::size_t>(random.below(torn.size()));
    torn[at] = static_cast<char>(torn[at] ^ 0x10);
    testing_support::write(file(), torn);
    EXPECT_THROW(read_checkpoint(file()), core::FormatError) << "byte " << at << " of " << torn.size();
  }
}

TEST_F(CheckpointTest, ReadsOneWhoseSumIsOfBeforeXxh3) {
  const model::TensorMap tensors = {{"a", torch::arange(6, torch::kFloat)}, {"b", torch::zeros({0, 3})}};
  const auto write = [&](const std::string& checksum) {
    model::write_safetensors(file(), tensors, {{"margay_checkpoint", R"({"x":1})"}, {"checksum", checksum}});
  };
  write("4129169a16e27205");
  const Snapshot snapshot = read_checkpoint(file());
  EXPECT_TRUE(snapshot.tensors.at("a").equal(tensors.at("a")));
  EXPECT_EQ(snapshot.values, (nlohmann::ordered_json{{"x", 1}}));
  write("xxh3:4129169a16e27205");
  EXPECT_THROW(read_checkpoint(file()), core::FormatError) << "a sum of the one kind is none of the other";
}

TEST_F(CheckpointTest, RefusesAFileThatIsNoneOfItsOwn) {
  Learner learner = this->learner();
  EXPECT_THROW(load_checkpoint(file(), learner), core::DataError);
  model::write_safetensors(file(), {{"steps", torch::zeros({0, 3}, torch::kDouble)}}, {{"format", "pt"}});
  EXPECT_NE(thrown_message<core::FormatError>([&] { load_checkpoint(file(), learner); }).find("not a checkpoint"),
            std::string::npos);
}

TEST_F(CheckpointTest, RefusesATrainingStateThatCannotBe) {
  Learner learner = this->learner();
  nlohmann::ordered_json state = to_json(learner.training_state());
  EXPECT_NO_THROW(training_state_from_json(state, "f"));
  state["is_in_epoch"] = true;  // without a pass
  EXPECT_THROW(training_state_from_json(state, "f"), core::FormatError);
  state.erase("epoch");
  EXPECT_THROW(training_state_from_json(state, "f"), core::FormatError);
  EXPECT_THROW(training_state_from_json("text", "f"), core::FormatError);
}

/// The metadata of a checkpoint, changed by a function, with a checksum that fits.
void rewrite(const fs::path& path, const std::function<void(model::TensorMap&, nlohmann::ordered_json&)>& change) {
  Snapshot snapshot = read_checkpoint(path);
  change(snapshot.tensors, snapshot.values);
  write_checkpoint(path, snapshot);
}

TEST_F(CheckpointTest, RefusesANewerFormatAndDoesNotTakeItForTorn) {
  const CheckpointFolder folder(folder_ / "c");
  Learner learner = this->learner();
  const fs::path path = folder.save(learner);
  model::SafetensorsFile file = model::read_safetensors(path);
  EXPECT_EQ(file.metadata.at("format_version"), "1");
  file.metadata["format_version"] = "2";
  file.metadata["checksum"] = "of another kind";
  model::write_safetensors(path, file.tensors, file.metadata);
  std::vector<std::string> problems;
  const auto message = thrown_message<core::NewerFormatError>([&] { folder.resume(learner, problems); });
  EXPECT_EQ(message, path.string() + ": a checkpoint of format 2; this program reads up to 1: update Margay");
  EXPECT_TRUE(problems.empty());
  EXPECT_TRUE(fs::exists(path));
}

TEST_F(CheckpointTest, NamesTheFieldInWhichAnotherTrainingDiffers) {
  Learner first = learner();
  save_checkpoint(file(), first);
  const auto refusal_of = [&](const data::LoaderOptions& loader, int size, const std::string& architecture,
                              std::int64_t accumulate) {
    Learner other = vision_learner(testing_support::tiny_block(folder_.path(), size).loaders(loader), architecture,
                                   {.seed = 1, .head = {.dropout = {0.5}}, .learner = {.accumulate = accumulate}});
    const auto before = everything(other);
    const auto message = thrown_message<core::FormatError>([&] { load_checkpoint(file(), other); });
    expect_equal(before, everything(other));
    return message;
  };
  const auto expect = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect(refusal_of({.batch_size = 8, .seed = 2}, 16, "resnet20", 1), "its seed is 1, here it is 2");
  expect(refusal_of({.batch_size = 4, .seed = 1}, 16, "resnet20", 1), "its batch_size is 8, here it is 4");
  expect(refusal_of({.batch_size = 8, .seed = 1}, 16, "resnet20", 2), "its accumulate is 1, here it is 2");
  expect(refusal_of({.batch_size = 8, .seed = 1}, 20, "resnet20", 1),
         "its transforms.augment.size is 16, here it is 20");
  expect(refusal_of({.batch_size = 8, .seed = 1}, 16, "resnet18", 1),
         "its architecture is \"resnet20\", here it is \"resnet18\"");
  fs::remove(folder_ / "train/flat/3.png");
  expect(refusal_of({.batch_size = 8, .seed = 1}, 16, "resnet20", 1), "its training_images is 40, here it is 39");
  testing_support::write_tiny_images(folder_.path(), 20, 6);
  for (const char* part : {"train", "valid"}) fs::rename(folder_ / part / "flat", folder_ / part / "even");
  expect(refusal_of({.batch_size = 8, .seed = 1}, 16, "resnet20", 1),
         "its vocabulary[0] is \"flat\", here it is \"even\"");
}

TEST_F(CheckpointTest, RefusesOtherDecisionsAboutTheImages) {
  data::Journal journal = testing_support::journal_for(folder_.path());
  const auto with_decisions = [&] {
    const auto edits = std::make_shared<data::LabelEdits>(testing_support::edits_for(folder_.path(), journal));
    return vision_learner(testing_support::tiny_block(folder_.path()).edits(edits).loaders({.batch_size = 8}),
                          "resnet20", {.seed = 1});
  };
  Learner none = with_decisions();
  save_checkpoint(file(), none);
  journal.append(testing_support::decision_about(folder_.path(), "train/flat/0.png", data::DecisionKind::kRelabel,
                                                 {"flat"}, {"upright"}));
  Learner one = with_decisions();
  const auto message = thrown_message<core::FormatError>([&] { load_checkpoint(file(), one); });
  EXPECT_NE(message.find("is of another training: its edits is \"\", here it is \""), std::string::npos) << message;
  save_checkpoint(file(), one);
  journal.undo(1);
  Learner undone = with_decisions();
  EXPECT_THROW(load_checkpoint(file(), undone), core::FormatError);
  EXPECT_NO_THROW(load_checkpoint(file(), one));
  save_checkpoint(file(), none);
  rewrite(file(), [](model::TensorMap&, nlohmann::ordered_json& values) { values["fingerprint"].erase("edits"); });
  EXPECT_NO_THROW(load_checkpoint(file(), undone));  // as earlier versions wrote it
}

TEST_F(CheckpointTest, RefusesAnotherRecipe) {
  const Stages recipe = parse_recipe("freeze 1 epoch at 1e-3; unfreeze 2 epochs at 1e-3");
  Learner first = learner();
  first.add_callback(stop_after(9));
  EXPECT_THROW(first.run(recipe), core::Interrupted);
  save_checkpoint(file(), first);
  for (const std::string other :
       {"freeze 1 epoch at 1e-3; unfreeze 3 epochs at 1e-3", "freeze 1 epoch at 1e-3; unfreeze 2 epochs at 2e-3"}) {
    Learner second = learner();
    load_checkpoint(file(), second);
    const auto message = thrown_message<std::invalid_argument>([&] { second.run(parse_recipe(other)); });
    EXPECT_NE(message.find(recipe_text(recipe)), std::string::npos) << message;
    EXPECT_NE(message.find(recipe_text(parse_recipe(other))), std::string::npos) << message;
    EXPECT_NO_THROW(second.run(recipe));
  }
}

TEST_F(CheckpointTest, RefusesWhatACraftedFileSaysByName) {
  Learner first = learner();
  first.add_callback(std::make_shared<WeightAverage>(first.classifier()));
  first.add_callback(stop_after(7));  // in the first validation, with a step behind it
  EXPECT_THROW(train(first), core::Interrupted);
  save_checkpoint(file(), first);
  const std::string whole = testing_support::file_content(file());
  using Change = std::function<void(model::TensorMap&, nlohmann::ordered_json&)>;
  const auto set = [](const std::string& pointer, const nlohmann::ordered_json& value) -> Change {
    return [=](model::TensorMap&, nlohmann::ordered_json& values) {
      values[nlohmann::ordered_json::json_pointer(pointer)] = value;
    };
  };
  const auto replace = [](const std::string& name, const torch::Tensor& tensor) -> Change {
    return [=](model::TensorMap& tensors, nlohmann::ordered_json&) {
      ASSERT_TRUE(tensors.contains(name)) << name;
      tensors[name] = tensor;
    };
  };
  const std::vector<std::pair<std::string, Change>> crafted = {
      {"optimizer state 'head.8.weight.steps'",
       replace("optimizer.head.8.weight.steps", torch::ones({2}, torch::kLong))},
      {"optimizer state 'head.8.weight.avg'", replace("optimizer.head.8.weight.avg", torch::ones({3}))},
      {"head.8.weight", replace("model.head.8.weight", torch::ones({3}))},
      {"averaged weights: 'head.8.weight'", replace("callback.weight_average.head.8.weight", torch::ones({3}))},
      {"'steps' must be float64 [S,3]", replace("steps", torch::ones({3}))},
      {"'steps' must be float64 [S,3]", replace("steps", torch::ones({1, 3}))},
      {"random.cpu is no state", replace("random.cpu", torch::ones({3}))},
      {"'epoch' must be a count", set("/training_state/epoch", 1e300)},
      {"'epoch' must be a count", set("/training_state/epoch", -1)},
      {"'step' must be a count", set("/training_state/step", "2")},
      {"'passes' must be a count", set("/training_state/passes", nullptr)},
      {"'stage' must be a text", set("/training_state/stage", 7)},
      {"'history' must be a list", set("/training_state/history", 7)},
      {"'smooth_loss' must be", set("/training_state/smooth_loss", nullptr)},
      {"an impossible training state", set("/training_state/lr_factor", 0)},
      {"stands at batch 99 of an epoch, which has 5", set("/training_state/next_batch", 99)},
      {"trains from group 7 on", set("/training_state/first_trained_group", 7)},
      {"fingerprint is no object", set("/fingerprint", 7)},
      {"'updates'", set("/callbacks/weight_average/updates", "many")},
  };
  for (const auto& [part, change] : crafted) {
    testing_support::write(file(), whole);
    rewrite(file(), change);
    Learner second = learner();
    second.add_callback(std::make_shared<WeightAverage>(second.classifier()));
    const auto message = thrown_message<core::FormatError>([&] { load_checkpoint(file(), second); });
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
    EXPECT_EQ(message.find(file().string()), 0U) << message;
  }
}

TEST_F(CheckpointTest, WithinAValidationKnowsHowFastTheEpochTrained) {
  Learner first = learner();
  first.add_callback(stop_after(6));  // the first batch of the validation
  EXPECT_THROW(train(first), core::Interrupted);
  save_checkpoint(file(), first);
  const double before_s = first.training_state().fit_s;
  Learner second = learner();
  load_checkpoint(file(), second);
  train(second);
  const EpochRecord& record = second.history().front();
  EXPECT_NEAR(record.train_images_per_s, 40 / first.training_state().pass.seconds, 1e-9);
  EXPECT_GT(record.forward_share + record.backward_share, 0.1);
  EXPECT_LE(record.forward_share + record.backward_share + record.wait_share, 1.001);
  EXPECT_GE(record.seconds, before_s);
}

TEST_F(CheckpointTest, FolderKeepsTheNewestAndGoesBackBehindATornOne) {
  const CheckpointFolder folder(folder_ / "checkpoints", 2);
  Learner first = learner();
  first.add_callback(std::make_shared<SaveCheckpoints>(folder, std::chrono::seconds(0), nullptr));
  train(first);
  const std::vector<fs::path> files = folder.files();
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].filename(), "step-0000000015.safetensors");
  EXPECT_EQ(files[1].filename(), "step-0000000014.safetensors");
  fs::resize_file(files[0], fs::file_size(files[0]) / 2);
  Learner second = learner();
  std::vector<std::string> problems;
  EXPECT_EQ(folder.resume(second, problems), files[1]);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("step-0000000015.safetensors"), std::string::npos) << problems[0];
  train(second);
  expect_equal(everything(first), everything(second));
}

TEST_F(CheckpointTest, FolderRemovesWhatKilledWritersLeftAndNothingOfLivingOnes) {
  const CheckpointFolder folder(folder_ / "c");
  const fs::path left = folder_ / "c/.step-0000000003.safetensors.tmp-77-0";
  testing_support::write(left, "half of it");
  const core::AtomicFile living(folder_ / "c/step-0000000004.safetensors");
  Learner learner = this->learner();
  folder.save(learner);
  EXPECT_TRUE(fs::exists(left)) << "its process may be at work on another machine";
  fs::last_write_time(left, fs::file_time_type::clock::now() - std::chrono::hours(25));
  folder.save(learner);
  EXPECT_FALSE(fs::exists(left));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "c"), fs::directory_iterator()), 2);
}

TEST_F(CheckpointTest, FolderSaysWhenThereIsNothingToGoOnFrom) {
  const CheckpointFolder folder(folder_ / "none");
  Learner learner = this->learner();
  std::vector<std::string> problems;
  EXPECT_EQ(folder.resume(learner, problems), std::nullopt);
  EXPECT_TRUE(problems.empty());
}

TEST_F(CheckpointTest, TrainingGoesOnWhenOneCannotBeWritten) {
  Learner learner = this->learner();
  testing_support::write(folder_ / "file", "");
  std::string failure;
  learner.add_callback(std::make_shared<SaveCheckpoints>(CheckpointFolder(folder_ / "file" / "checkpoints"),
                                                         std::chrono::hours(1),
                                                         [&](const core::IoError& error) { failure = error.what(); }));
  learner.fit(1, 1e-3);
  EXPECT_EQ(learner.history().size(), 1U);
  EXPECT_NE(failure.find("checkpoints"), std::string::npos);
}

}  // namespace

}  // namespace margay::train
