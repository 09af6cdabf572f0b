#include "margay/predict/prediction_file.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "tests/support/kept_predictions.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::predict {
namespace {

using testing_support::file_content;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

KeptPredictions three_images() {
  torch::manual_seed(1);
  return testing_support::kept_predictions(torch::randn({3, 2}), torch::tensor({0, 1, 1}, torch::kLong));
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(KeptPredictions, AreReadAsTheyWereWritten) {
  const TemporaryFolder folder;
  KeptPredictions kept = three_images();
  kept.names = data::PathList{"a b.png", "sub/\xff\n.png", "\xc3\xa4.png"};
  kept.root = "/data/pets\xfe";
  kept.rows.temperature = 1.5;
  kept.rows.ids = {7, 8, 11};
  kept.rows.skipped = {{9, "broken.png: no JPEG"}};
  kept.groups = torch::tensor({4, 4, -1}, torch::kLong);
  kept.refused = torch::tensor({true, false, false});
  kept.origin = {{"model", "pets.margay"}, {"part", "valid"}};
  save_predictions(folder / "kept", kept);
  const KeptPredictions read = load_predictions(folder / "kept");
  EXPECT_TRUE(read.rows.logits.equal(kept.rows.logits));
  EXPECT_TRUE(read.rows.targets.equal(kept.rows.targets));
  EXPECT_TRUE(read.groups.equal(kept.groups));
  EXPECT_TRUE(read.refused.equal(kept.refused));
  EXPECT_TRUE(read.names == kept.names);
  EXPECT_EQ(read.root, kept.root);
  EXPECT_EQ(read.rows.ids, kept.rows.ids);
  EXPECT_EQ(read.rows.temperature, 1.5);
  EXPECT_EQ(read.rows.skipped.at(0).problem, "broken.png: no JPEG");
  EXPECT_EQ(read.origin, kept.origin);
  EXPECT_EQ(read.vocabulary, kept.vocabulary);
  EXPECT_TRUE(is_prediction_folder(folder / "kept"));
}

TEST(KeptPredictions, OfSeveralLabelsAndOfNoneAreReadAgain) {
  const TemporaryFolder folder;
  save_predictions(folder / "several", testing_support::kept_predictions(torch::zeros({2, 3}), torch::ones({2, 3})));
  EXPECT_TRUE(load_predictions(folder / "several").rows.targets.equal(torch::ones({2, 3})));
  save_predictions(folder / "none", testing_support::kept_predictions(torch::zeros({2, 3})));
  EXPECT_FALSE(load_predictions(folder / "none").has_labels());
}

TEST(KeptPredictions, OfTwoPassesAreNotMixed) {
  const TemporaryFolder folder;
  save_predictions(folder / "one", three_images());
  KeptPredictions other = three_images();
  other.rows.logits = other.rows.logits + 1;
  save_predictions(folder / "two", other);
  std::filesystem::copy_file(folder / "two" / kPredictionTensorsFile, folder / "one" / kPredictionTensorsFile,
                             std::filesystem::copy_options::overwrite_existing);
  const std::string message = thrown_message<core::FormatError>([&] { load_predictions(folder / "one"); });
  EXPECT_TRUE(says(message, "does not belong to the predictions.json")) << message;
}

TEST(KeptPredictions, ThatAreBrokenNameFileAndField) {
  const TemporaryFolder folder;
  save_predictions(folder / "kept", three_images());
  auto json = nlohmann::ordered_json::parse(file_content(folder / "kept" / kPredictionJsonFile));
  const auto message_of = [&](const nlohmann::ordered_json& changed) {
    testing_support::write(folder / "kept" / kPredictionJsonFile, changed.dump());
    return thrown_message<core::FormatError>([&] { load_predictions(folder / "kept"); });
  };
  auto changed = json;
  changed["vocabulary"] = {"a", "b", "c"};
  EXPECT_TRUE(says(message_of(changed), "logits")) << message_of(changed);
  changed = json;
  changed.erase("task");
  EXPECT_TRUE(says(message_of(changed), "task")) << message_of(changed);
  changed = json;
  changed["checksum"] = 5;
  EXPECT_TRUE(says(message_of(changed), "predictions.json")) << message_of(changed);
  EXPECT_TRUE(says(message_of(changed), "a field is missing or of another type")) << message_of(changed);
  changed = json;
  changed["format_version"] = 99;
  EXPECT_TRUE(says(message_of(changed), "newer")) << message_of(changed);
  EXPECT_TRUE(says(message_of(nlohmann::ordered_json::array()), "predictions.json"));
}

TEST(KeptPredictions, ThatAreTornSayWhatToDo) {
  const TemporaryFolder folder;
  for (const char* name : {kPredictionJsonFile, kPredictionTensorsFile}) {
    save_predictions(folder / "kept", three_images());
    const std::string whole = file_content(folder / "kept" / name);
    for (const std::size_t size : {std::size_t{0}, whole.size() / 2, whole.size() - 2}) {
      testing_support::write(folder / "kept" / name, whole.substr(0, size));
      const std::string message = thrown_message<core::FormatError>([&] { load_predictions(folder / "kept"); });
      EXPECT_TRUE(says(message, name)) << message;
      EXPECT_TRUE(says(message, "predict again, or copy both files of the folder again")) << message;
    }
  }
}

TEST(KeptPredictions, ThatAreNotThereAreAnError) {
  const TemporaryFolder folder;
  EXPECT_FALSE(is_prediction_folder(folder / "nothing"));
  EXPECT_TRUE(says(thrown_message<core::DataError>([&] { load_predictions(folder / "nothing"); }), "predictions.json"));
}

TEST(KeptPredictions, AreRefusedWithNonFiniteLogits) {
  KeptPredictions kept = three_images();
  kept.rows.logits[1][0] = std::nanf("");
  const std::string message = thrown_message<std::invalid_argument>([&] { kept.check(); });
  EXPECT_TRUE(says(message, "1 of 3 images are non-finite, first those of '1.png'")) << message;
}

TEST(KeptPredictions, AreRefusedWithATargetThatIsNoClass) {
  KeptPredictions kept = three_images();
  kept.rows.targets[2] = data::kNoTarget;
  const std::string message = thrown_message<std::invalid_argument>([&] { kept.check(); });
  EXPECT_TRUE(says(message, "'2.png' has target -100")) << message;
}

TEST(KeptPredictions, AreRefusedWhereColumnsDoNotFit) {
  KeptPredictions kept = three_images();
  kept.groups = torch::zeros({2}, torch::kLong);
  EXPECT_THROW(kept.check(), std::invalid_argument);
  kept = three_images();
  kept.rows.temperature = 0;
  EXPECT_THROW(kept.check(), std::invalid_argument);
  kept = three_images();
  kept.names.add("one more.png");
  EXPECT_THROW(kept.check(), std::invalid_argument);
}

Predictions batch_of(std::int64_t first, std::int64_t count) {
  Predictions batch;
  for (std::int64_t i = 0; i < count; ++i) batch.ids.push_back(static_cast<std::size_t>(first + i));
  batch.logits = torch::arange(first * 2, (first + count) * 2, torch::kFloat).reshape({count, 2});
  batch.targets = torch::arange(first, first + count, torch::kLong);
  return batch;
}

TEST(PredictionGatherer, KeepsTheChosenRowsOfBatches) {
  PredictionGatherer gatherer(4);
  gatherer.add(batch_of(0, 2));
  const std::vector<std::int64_t> last = {1};
  Predictions second = batch_of(2, 2);
  second.skipped = {{9, "broken"}};
  gatherer.add(second, &last);
  const Predictions all = gatherer.take();
  EXPECT_EQ(all.ids, (std::vector<std::size_t>{0, 1, 3}));
  EXPECT_TRUE(all.targets.equal(torch::tensor({0, 1, 3}, torch::kLong)));
  EXPECT_TRUE(all.logits.equal(torch::tensor({{0.0F, 1.0F}, {2.0F, 3.0F}, {6.0F, 7.0F}})));
  EXPECT_EQ(all.skipped.size(), 1U);
}

TEST(PredictionGatherer, KeepsPValuesWhereAllBatchesHaveThem) {
  PredictionGatherer gatherer(4);
  Predictions batch = batch_of(0, 2);
  batch.p_known = torch::tensor({0.05, 0.5}, torch::kDouble);
  batch.alpha = 0.1;
  gatherer.add(batch);
  EXPECT_THROW(gatherer.add(batch_of(2, 1)), std::invalid_argument);
  batch.p_known = torch::tensor({0.1, 1.0}, torch::kDouble);
  const std::vector<std::int64_t> last = {1};
  gatherer.add(batch, &last);
  const Predictions all = gatherer.take();
  EXPECT_TRUE(all.p_known.equal(torch::tensor({0.05, 0.5, 1.0}, torch::kDouble)));
  EXPECT_EQ(all.alpha, 0.1);
  gatherer.add(batch_of(0, 2));
  EXPECT_FALSE(gatherer.take().p_known.defined());
}

TEST(PredictionGatherer, RefusesMoreImagesThanAnnouncedAndBatchesThatDiffer) {
  PredictionGatherer gatherer(3);
  gatherer.add(batch_of(0, 2));
  EXPECT_THROW(gatherer.add(batch_of(2, 2)), std::invalid_argument);
  Predictions unlabelled = batch_of(2, 1);
  unlabelled.targets = torch::Tensor();
  EXPECT_THROW(gatherer.add(unlabelled), std::invalid_argument);
  Predictions calibrated = batch_of(2, 1);
  calibrated.temperature = 2;
  EXPECT_THROW(gatherer.add(calibrated), std::invalid_argument);
}

}  // namespace
}  // namespace margay::predict
