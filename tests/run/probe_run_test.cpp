#include "margay/run/probe_run.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/bundle/bundle.h"
#include "margay/collective/group.h"
#include "margay/run/evaluation_set.h"
#include "margay/run/probe_comparison.h"
#include "margay/run/run_registry.h"
#include "margay/run/start_training.h"
#include "tests/support/joined_threads.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_batches.h"
#include "tests/support/tiny_weights.h"

namespace margay::run {
namespace {

class ProbeNotes : public Observer {
 public:
  bool is_stop_wanted() const override { return wants_stop; }
  void warned(const std::string& text) override { warnings.push_back(text); }
  void probe_started(const ProbeStart& start) override { starts.push_back(start); }
  void probed(const Probed& results) override { found.push_back(results); }
  void compared_probes(const ProbeComparison& what) override { comparison = what; }

  bool wants_stop = false;
  std::vector<std::string> warnings;
  std::vector<ProbeStart> starts;
  std::vector<Probed> found;
  ProbeComparison comparison;
};

class StartProbe : public testing::Test {
 protected:
  StartProbe() {
    testing_support::use_tiny_images(options_.batch, folder_ / "images");
    options_.runs = folder_ / "runs";
    options_.arch = "resnet20";
    options_.network.weights = testing_support::write_backbone(folder_ / "weights", "resnet20");
    options_.network.device = "cpu";
    options_.network.precision = model::Precision::kFp32;
    options_.probe.grouping = predict::Grouping::kNone;
  }

  Probed probe_once() {
    ProbeNotes notes;
    EXPECT_EQ(start_probe(options_, cache_, notes), Outcome::kDone);
    return notes.found.at(0);
  }

  testing_support::TemporaryFolder folder_;
  std::filesystem::path cache_ = folder_ / "cache";
  ProbeRunOptions options_;
};

TEST_F(StartProbe, AnnouncesAndPrintsNothing) {
  ProbeNotes notes;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  start_probe(options_, cache_, notes);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  ASSERT_EQ(notes.starts.size(), 1U);
  EXPECT_EQ(notes.starts[0].train_images, 12);
  EXPECT_EQ(notes.starts[0].valid_images, 4);
  EXPECT_EQ(notes.starts[0].num_classes, 2);
  ASSERT_EQ(notes.found.size(), 1U);
  EXPECT_EQ(notes.found[0].result.images, 12);
  EXPECT_EQ(notes.found[0].result.left_out.size(), 12);
  ASSERT_TRUE(notes.found[0].result.valid);
  EXPECT_EQ(notes.found[0].result.valid->predictions.size(), 4);
}

TEST_F(StartProbe, LeavesARunThatIsListedWithItsResults) {
  const Probed probed = probe_once();
  const RunRecord record = RunRegistry(options_.runs).all().at(0);
  EXPECT_EQ(record.kind(), RunKind::kProbe);
  EXPECT_EQ(record.status, RunStatus::kDone);
  EXPECT_EQ(record.main_metric(), "error_rate");
  EXPECT_DOUBLE_EQ(*record.last("left_out_error"), probed.result.score.error.mean);
  EXPECT_DOUBLE_EQ(*record.standard_error("left_out_error"), probed.result.score.error.standard_error);
  const RunRecord of_folder = read_run_folder(probed.folder).value();  // without the index
  EXPECT_DOUBLE_EQ(*of_folder.last("left_out_error"), probed.result.score.error.mean);
  for (const char* file : {"config.json", "split.csv", "left_out.csv", "valid.csv", "hardest.png", "probe.json"}) {
    EXPECT_TRUE(std::filesystem::exists(probed.folder / file)) << file;
  }
  const auto json = nlohmann::json::parse(testing_support::file_content(probed.folder / "probe.json"));
  EXPECT_EQ(json["left_out"]["error"]["count"], 12);
}

TEST_F(StartProbe, LeavesAModelThatGivesTheFitsLogits) {
  const Probed probed = probe_once();
  const bundle::Bundle model = bundle::load_bundle(probed.model);
  EXPECT_EQ(model.provenance["kind"], "probe");
  data::Loaders loaders = make_loaders(options_.batch, cache_);
  const predict::Predictions valid = predict::collect_predictions(*model.classifier, *loaders.valid, {});
  EXPECT_TRUE(torch::allclose(valid.logits, probed.result.valid->predictions.logits, 1e-3, 1e-3));
}

TEST_F(StartProbe, LeavesAModelWhoseHeadIsCalibratedByLeftOutOutputs) {
  const predict::Calibration left_out = bundle::load_bundle(probe_once().model).calibration;
  EXPECT_EQ(left_out.source, predict::CalibrationSource::kLeftOut);
  EXPECT_EQ(left_out.temperature, 1);
  EXPECT_EQ(left_out.images, 12);
  EXPECT_EQ(left_out.data, "the training images of the probe, each left out with its group");
  options_.probe.select = train::ProbeSelect::kValid;
  options_.probe.balance = data::Balance::kWeights;
  const predict::Calibration valid = bundle::load_bundle(probe_once().model).calibration;
  EXPECT_EQ(valid.source, predict::CalibrationSource::kHeldOut);
  EXPECT_EQ(valid.images, 4);
  EXPECT_EQ(valid.data, "the validation set of the probe, each class as much as every other");
}

TEST_F(StartProbe, LeavesAModelThatKnowsItsImages) {
  const Probed probed = probe_once();
  const EvaluationSet set({.folder = options_.batch.folder}, bundle::load_bundle(probed.model), probed.model);
  EXPECT_EQ(set.images()->size(), 4U);
  const EvaluationSet trained({.folder = options_.batch.folder, .part = JudgedPart::kTrain},
                              bundle::load_bundle(probed.model), probed.model);
  EXPECT_EQ(trained.images()->size(), 12U);
}

/// Of every image what it shows, of every second one that it is odd, and of the first of each folder nothing at all.
std::string several_labels() {
  std::string table = "name,labels,is_valid\n";
  for (const char* kind : {"flat", "upright"}) {
    for (int i = 0; i < 8; ++i) {
      const bool is_valid = i >= 6;
      const int number = is_valid ? i - 6 : i;
      const std::string labels = i == 0 ? "" : std::string(kind) + (number % 2 == 1 ? ";odd" : "");
      table += fmt::format("{}/{}/{}.png,{},{}\n", is_valid ? "valid" : "train", kind, number, labels, is_valid);
    }
  }
  return table;
}

TEST_F(StartProbe, ProbesSeveralLabelsAnImage) {
  testing_support::write(folder_ / "labels.csv", several_labels());
  options_.batch.data.labels_csv = folder_ / "labels.csv";
  options_.batch.data.label_delimiter = ";";
  options_.batch.data.valid_column = "is_valid";
  const Probed probed = probe_once();
  EXPECT_EQ(probed.task, data::Task::kMultiLabel);
  EXPECT_EQ(probed.start.num_classes, 3);
  EXPECT_EQ(probed.result.left_out.logits.sizes(), (std::vector<std::int64_t>{12, 3}));
  const torch::Tensor wrong = (probed.result.left_out.logits > 0) != (probed.result.left_out.targets > 0);
  EXPECT_NEAR(probed.result.score.error.mean, wrong.to(torch::kDouble).mean().item<double>(), 1e-12);
  const RunRecord record = RunRegistry(options_.runs).all().at(0);
  EXPECT_EQ(record.main_metric(), "accuracy_multi");
  EXPECT_DOUBLE_EQ(*record.last("accuracy_multi"), 1 - probed.result.valid->score.error.mean);
  const bundle::Bundle model = bundle::load_bundle(probed.model);
  EXPECT_EQ(model.task, data::Task::kMultiLabel);
  data::Loaders loaders = make_loaders(options_.batch, cache_);
  const predict::Predictions valid =
      predict::collect_predictions(*model.classifier, *loaders.valid, {.activation = metric::Activation::kSigmoid});
  EXPECT_TRUE(torch::allclose(valid.logits, probed.result.valid->predictions.logits, 1e-3, 1e-3));
}

TEST_F(StartProbe, FindsItsFeaturesInTheCacheTheSecondTime) {
  const Probed first = probe_once();
  EXPECT_EQ(first.from_cache, 0);
  const Probed second = probe_once();
  EXPECT_EQ(second.from_cache, 16);
  EXPECT_EQ(second.images_per_s, 0);
  EXPECT_TRUE(torch::equal(first.result.weight, second.result.weight));
}

TEST_F(StartProbe, KeepsNoFeaturesWhereNoneAreWanted) {
  options_.keep_features = false;
  probe_once();
  EXPECT_EQ(probe_once().from_cache, 0);
}

TEST_F(StartProbe, NeedsWeightsAndSaysWhichBeforeAFolderIsMade) {
  options_.network.weights.clear();
  options_.arch = "resnet18";
  ProbeNotes notes;
  try {
    start_probe(options_, cache_, notes);
    FAIL() << "it probed random features";
  } catch (const NoWeightsError& error) {
    EXPECT_EQ(error.what_to_fetch().arch, "resnet18");
    EXPECT_FALSE(error.what_to_fetch().weights_url.empty());
  }
  EXPECT_FALSE(std::filesystem::exists(options_.runs));
}

TEST_F(StartProbe, RefusesWhatIsForTrainingsAlone) {
  ProbeNotes notes;
  options_.batch.loader.mix.method = data::MixMethod::kMixup;
  const std::string message =
      testing_support::thrown_message<std::invalid_argument>([&] { start_probe(options_, cache_, notes); });
  EXPECT_NE(message.find("for trainings"), std::string::npos) << message;
}

TEST_F(StartProbe, StopsWhenTheObserverWantsIt) {
  ProbeNotes notes;
  notes.wants_stop = true;
  EXPECT_THROW(start_probe(options_, cache_, notes), core::Interrupted);
  EXPECT_EQ(RunRegistry(options_.runs).all().at(0).status, RunStatus::kInterrupted);
  EXPECT_TRUE(notes.found.empty());
}

TEST_F(StartProbe, NamesImagesThatCannotBeReadAndGoesOn) {
  testing_support::write(options_.batch.folder / "train/flat/broken.png", "no image");
  ProbeNotes notes;
  start_probe(options_, cache_, notes);
  EXPECT_EQ(notes.found.at(0).result.images, 12);
  EXPECT_TRUE(std::any_of(notes.warnings.begin(), notes.warnings.end(), [](const std::string& warning) {
    return warning.starts_with("left out ") && warning.find("broken.png") != std::string::npos;
  }));
}

TEST_F(StartProbe, TellsTheResultsWhereTheModelCannotBeWritten) {
  class Blocker : public ProbeNotes {
   public:
    void progressed(const std::string&, std::int64_t, std::int64_t, const std::string&) override {
      for (const auto& run : std::filesystem::directory_iterator(runs)) {
        if (run.is_directory()) std::filesystem::create_directories(run.path() / "model.margay/x");
      }
    }
    std::filesystem::path runs;
  };
  Blocker blocker;
  blocker.runs = options_.runs;
  EXPECT_THROW(start_probe(options_, cache_, blocker), core::IoError);
  ASSERT_EQ(blocker.found.size(), 1U);
  EXPECT_EQ(blocker.found[0].model, "");
  EXPECT_EQ(RunRegistry(options_.runs).all().at(0).status, RunStatus::kFailed);
}

TEST_F(StartProbe, LeavesNothingToContinue) {
  const Probed probed = probe_once();
  ProbeNotes notes;
  const std::string message = testing_support::thrown_message<core::DataError>(
      [&] { resume_training({.resume = probed.folder, .lr_factor = 1}, options_.runs, cache_, notes); });
  EXPECT_NE(message.find("this run is a probe"), std::string::npos) << message;
}

TEST_F(StartProbe, ProbesWithTheSettingsOfAnEarlierOne) {
  const Probed probed = probe_once();
  const auto again = RunFolder::open(probed.folder).read_config<ProbeRunOptions>();
  EXPECT_EQ(core::to_json(again)["probe"], core::to_json(options_)["probe"]);
  EXPECT_EQ(again.batch.folder, options_.batch.folder);
}

using CompareProbes = StartProbe;

TEST_F(CompareProbes, RanksNetworksOnTheSameImages) {
  testing_support::write_backbone(folder_ / "weights", "mobilenet_v3_small");
  options_.network.weights = folder_ / "weights";
  ProbeNotes notes;
  const ProbeComparison found = compare_probes(options_, {"mobilenet_v3_small", "resnet20"}, cache_, notes);
  ASSERT_EQ(found.networks.size(), 2U);
  EXPECT_LE(found.networks[0].score.error.mean, found.networks[1].score.error.mean);
  EXPECT_DOUBLE_EQ(found.networks[1].to_best.value,
                   found.networks[1].score.error.mean - found.networks[0].score.error.mean);
  EXPECT_GT(found.networks[0].images_per_s, 0);
  EXPECT_EQ(found.images, 12);
  EXPECT_EQ(notes.comparison.networks.size(), 2U);
  EXPECT_FALSE(std::filesystem::exists(options_.runs));
}

TEST_F(CompareProbes, GoesOnWithoutANetworkWhoseWeightsAreMissing) {
  options_.network.weights = folder_ / "weights";
  ProbeNotes notes;
  const ProbeComparison found = compare_probes(options_, {"resnet18", "resnet20"}, cache_, notes);
  EXPECT_EQ(found.best().arch, "resnet20");
  EXPECT_EQ(found.networks[1].arch, "resnet18");
  EXPECT_NE(found.networks[1].problem.find("`fetch resnet18 to "), std::string::npos) << found.networks[1].problem;
}

TEST_F(CompareProbes, ThrowsTheErrorOfTheOnlyNetwork) {
  testing_support::write(folder_ / "weights/resnet18.safetensors", "no weights");
  options_.network.weights = folder_ / "weights";
  ProbeNotes notes;
  EXPECT_THROW(compare_probes(options_, {"resnet18"}, cache_, notes), core::FormatError);
}

TEST_F(CompareProbes, TakesAnotherProcessThatIsLostForNoFaultOfTheNetwork) {
  options_.network.weights = folder_ / "weights";
  const auto group = collective::one_process();
  group->interrupt("rank 1 is lost");
  ProbeNotes notes;
  EXPECT_THROW(probe_network(options_, cache_, notes, group), collective::GroupInterrupted);
}

TEST_F(CompareProbes, AgreesOnANetworkWhoseWeightsOneProcessLacks) {
  for (const char* network : {"resnet20", "mobilenet_v3_small"}) {
    testing_support::write_backbone(folder_ / "weights-0", network);
  }
  testing_support::write_backbone(folder_ / "weights-1", "resnet20");
  testing_support::run_joined(2, [&](const std::shared_ptr<collective::Group>& group) {
    ProbeRunOptions options = options_;
    options.network.weights = folder_ / fmt::format("weights-{}", group->rank());
    ProbeNotes notes;
    const ProbeComparison found = compare_probes(options, {"mobilenet_v3_small", "resnet20"}, cache_, notes, group);
    EXPECT_EQ(found.best().arch, "resnet20");
    EXPECT_NE(found.networks[1].problem, "");
  });
}

class FailsWhileProbing : public ProbeNotes {
 public:
  void progressed(const std::string&, std::int64_t, std::int64_t, const std::string&) override {
    throw core::DataError("images", "cannot be read here");
  }
};

TEST_F(CompareProbes, EndsWhereOneProcessAloneFails) {
  testing_support::write_backbone(folder_ / "weights", "mobilenet_v3_small");
  options_.network.weights = folder_ / "weights";
  const auto outcomes = testing_support::outcomes_of_joined(2, [&](const std::shared_ptr<collective::Group>& group) {
    ProbeNotes sound;
    FailsWhileProbing fails;
    compare_probes(options_, {"resnet20", "mobilenet_v3_small"}, cache_, group->rank() == 1 ? fails : sound, group);
  });
  EXPECT_THROW(std::rethrow_exception(outcomes[1]), core::DataError);
  EXPECT_THROW(std::rethrow_exception(outcomes[0]), core::Error);
}

TEST_F(CompareProbes, ThrowsWhatIsWrongWithTheData) {
  options_.network.weights = folder_ / "weights";
  options_.batch.folder = folder_ / "nowhere";
  ProbeNotes notes;
  EXPECT_THROW(compare_probes(options_, {"resnet20"}, cache_, notes), core::DataError);
}

TEST(NetworksToCompare, AreNamedOrFound) {
  const testing_support::TemporaryFolder folder;
  testing_support::write(folder / "resnet34.pth", "");
  testing_support::write(folder / "resnet18.safetensors", "");
  EXPECT_EQ(networks_to_compare("all", folder.path()), (std::vector<std::string>{"resnet18", "resnet34"}));
  EXPECT_EQ(networks_to_compare("resnet50, resnet18", folder.path()),
            (std::vector<std::string>{"resnet50", "resnet18"}));
  EXPECT_THROW(networks_to_compare("resnet18,resnet18", folder.path()), std::invalid_argument);
  EXPECT_THROW(networks_to_compare("resnet", folder.path()), std::invalid_argument);
  const testing_support::TemporaryFolder empty;
  EXPECT_THROW(networks_to_compare("all", empty.path()), core::DataError);
}

}  // namespace
}  // namespace margay::run
