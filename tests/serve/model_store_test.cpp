#include "margay/serve/model_store.h"

#include <atomic>
#include <map>
#include <thread>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/model/weights/safetensors.h"
#include "tests/support/served_models.h"
#include "tests/support/test_scale.h"
#include "tests/support/thrown_message.h"

namespace margay::serve {
namespace {

namespace fs = std::filesystem;
using testing_support::seeded_bundle;
using testing_support::striped_uploads;
using testing_support::thrown_message;

class ModelStoreTest : public testing::Test {
 protected:
  ModelStoreTest() { put(1); }

  /// Replaces the served file in one step.
  void put(std::uint64_t seed) const { bundle::save_bundle(file_, seeded_bundle(seed)); }
  void write(const std::string& content) const { testing_support::write(file_, content); }
  std::vector<float> logits(const std::string& name = "m") {
    return store_.queue(name).predict({.images = striped_uploads(1)}).images[0].logits;
  }

  testing_support::TemporaryFolder folder_;
  const fs::path file_ = folder_ / "m.margay";
  ModelStore store_{{{.name = "m", .file = file_}}, {}, {}};
};

TEST_F(ModelStoreTest, ServesAFileUnderTheVersionOfItsBytes) {
  EXPECT_EQ(store_.status("m").state, ModelState::kLoading);
  EXPECT_FALSE(store_.is_ready());
  EXPECT_EQ(store_.load("m"), LoadResult::kSwitched);
  EXPECT_TRUE(store_.is_ready());
  const ModelStatus status = store_.status("m");
  EXPECT_EQ(status.state, ModelState::kReady);
  EXPECT_EQ(status.version, core::sha256_of_file(file_).substr(0, 16));
  EXPECT_EQ(store_.load("m"), LoadResult::kUnchanged);
  put(2);
  EXPECT_EQ(store_.load("m"), LoadResult::kSwitched);
  EXPECT_NE(store_.status("m").version, status.version);
  const ModelFacts& facts = store_.model("m")->facts();
  EXPECT_EQ(facts.labels, (std::vector<std::string>{"flat", "round", "upright"}));
  EXPECT_EQ(facts.golden_images, 2);
  EXPECT_LT(facts.golden_difference, 1e-4);
  EXPECT_THROW(store_.status("other"), std::invalid_argument);
}

TEST_F(ModelStoreTest, ChangesNothingForABadFileAndTellsWhy) {
  store_.load("m");
  const ModelStatus before = store_.status("m");
  const std::vector<float> logits_before = logits();
  const std::string content = testing_support::file_content(file_);
  const auto refusal = [&] {
    const std::string problem = thrown_message<core::DataError>([&] { store_.load("m"); });
    EXPECT_EQ(problem.find(file_.string() + ": "), 0U) << problem;
    EXPECT_EQ(store_.status("m").state, ModelState::kReady);
    EXPECT_EQ(store_.status("m").version, before.version);
    EXPECT_EQ(store_.status("m").reason, problem);
    EXPECT_EQ(logits(), logits_before);
    return problem;
  };
  write("no model");
  refusal();
  write(content.substr(0, content.size() / 2));
  refusal();
  fs::remove(file_);
  refusal();
  put(2);
  EXPECT_EQ(store_.load("m"), LoadResult::kSwitched);
  EXPECT_EQ(store_.status("m").reason, "");
}

TEST_F(ModelStoreTest, RefusesAModelThatPredictsItsGoldenImagesOtherwise) {
  model::SafetensorsFile file = model::read_safetensors(file_);
  for (auto& [name, tensor] : file.tensors) {
    if (tensor.dim() == 4) tensor = tensor * 1.5;
  }
  model::write_safetensors(file_, file.tensors, file.metadata);
  const std::string problem = thrown_message<core::FormatError>([&] { store_.load("m"); });
  EXPECT_NE(problem.find("its golden images is not what it predicted when it was saved"), std::string::npos) << problem;
  EXPECT_EQ(store_.status("m").state, ModelState::kFailed);
  EXPECT_EQ(store_.status("m").version, "");
}

TEST_F(ModelStoreTest, ServesBundlesWithoutGoldenImagesUnchecked) {
  const model::SafetensorsFile file = model::read_safetensors(file_);
  auto header = nlohmann::ordered_json::parse(file.metadata.at("margay"));
  header.erase("golden_images");
  model::write_safetensors(file_, file.tensors, {{"margay", header.dump()}});
  store_.load("m");
  EXPECT_EQ(store_.model("m")->facts().golden_images, 0);
}

TEST_F(ModelStoreTest, UnloadsOnRequestAndStaysUnloaded) {
  store_.load("m");
  store_.unload("m");
  EXPECT_EQ(store_.status("m").state, ModelState::kUnloaded);
  EXPECT_TRUE(store_.is_ready());
  EXPECT_EQ(store_.model("m"), nullptr);
  EXPECT_THROW(logits(), core::Error);
  put(2);
  for (int look = 0; look < 3; ++look) EXPECT_TRUE(store_.look_for_changes().empty());
  const std::string content = testing_support::file_content(file_);
  write("junk");
  EXPECT_THROW(store_.load("m"), core::Error);
  EXPECT_EQ(store_.status("m").state, ModelState::kUnloaded);
  EXPECT_NE(store_.status("m").reason, "");
  EXPECT_TRUE(store_.is_ready()) << "the other models are not to blame";
  EXPECT_EQ(store_.load_again("m"), std::nullopt);
  write(content);
  for (int look = 0; look < 3; ++look) EXPECT_TRUE(store_.look_for_changes().empty());
  store_.load("m");
  EXPECT_EQ(logits().size(), 3U);
}

TEST_F(ModelStoreTest, LoadsAChangedFileOnceItStandsStill) {
  store_.load("m");
  EXPECT_TRUE(store_.look_for_changes().empty());
  put(2);
  EXPECT_TRUE(store_.look_for_changes().empty()) << "it may still be written to";
  const std::vector<ModelStore::Change> changes = store_.look_for_changes();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].name, "m");
  EXPECT_EQ(changes[0].version, core::sha256_of_file(file_).substr(0, 16));
  EXPECT_EQ(changes[0].problem, "");
  EXPECT_TRUE(store_.look_for_changes().empty());
}

TEST_F(ModelStoreTest, TellsOnceOfAHalfWrittenFileAndLoadsTheWholeOne) {
  store_.load("m");
  const std::string version = store_.status("m").version;
  put(2);
  const std::string content = testing_support::file_content(file_);
  write(content.substr(0, content.size() / 3));
  EXPECT_TRUE(store_.look_for_changes().empty());
  const std::vector<ModelStore::Change> changes = store_.look_for_changes();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].version, version);
  EXPECT_NE(changes[0].problem, "");
  EXPECT_TRUE(store_.look_for_changes().empty());
  write(content);
  store_.look_for_changes();
  ASSERT_EQ(store_.look_for_changes().size(), 1U);
  EXPECT_NE(store_.status("m").version, version);
}

/// Two clients ask for two images at once while the file changes; each reply must be one model's as a whole.
TEST_F(ModelStoreTest, NeitherFailsNorMixesARequestWhenModelsChange) {
  store_.load("m");
  const std::vector<ImageInput> uploads = striped_uploads(2);
  std::map<std::string, torch::Tensor> logits_of;
  const auto note = [&] {
    const auto model = store_.model("m");
    logits_of.emplace(model->facts().version, testing_support::logits_of_uploads(model->predictor(), uploads));
  };
  note();
  put(2);
  store_.load("m");
  note();
  ASSERT_EQ(logits_of.size(), 2U);
  std::atomic<bool> stops = false;
  std::atomic<int> replies = 0;
  std::atomic<int> wrong = 0;
  const auto ask = [&] {
    while (!stops) {
      const PredictionReply reply = store_.queue("m").predict({.images = uploads});
      const torch::Tensor& expected = logits_of.at(reply.model->facts().version);
      for (std::int64_t row = 0; row < 2; ++row) {
        const PredictedImage& image = reply.images[static_cast<std::size_t>(row)];
        if (image.logits.empty() || !torch::tensor(image.logits).equal(expected[row])) ++wrong;
      }
      ++replies;
    }
  };
  {
    std::jthread one(ask);
    std::jthread other(ask);
    const int reloads = testing_support::scaled(20, 1000);
    for (int i = 0; i < reloads; ++i) {
      put(1 + static_cast<std::uint64_t>(i % 2));
      EXPECT_EQ(store_.load("m"), LoadResult::kSwitched);
    }
    stops = true;
  }
  EXPECT_GT(replies, 20);
  EXPECT_EQ(wrong, 0);
}

TEST_F(ModelStoreTest, RefusesNamesThatCannotBeInAnAddress) {
  const auto refusal = [&](std::vector<ModelFile> models) {
    return thrown_message<std::invalid_argument>([&] { ModelStore(std::move(models), {}, {}); });
  };
  EXPECT_NE(refusal({}).find("no model"), std::string::npos);
  EXPECT_NE(refusal({{.name = "a/b", .file = "x"}}).find("\"a/b\""), std::string::npos);
  EXPECT_NE(refusal({{.name = "..", .file = "x"}}).find("\"..\""), std::string::npos);
  EXPECT_NE(refusal({{.name = "", .file = "x"}}).find("x: a model's name"), std::string::npos);
  EXPECT_NE(refusal({{.name = "a", .file = "x"}, {.name = "a", .file = "y"}}).find("y: another model"),
            std::string::npos);
}

TEST_F(ModelStoreTest, DrainsAllQueues) {
  store_.load("m");
  logits();
  EXPECT_TRUE(store_.drain(SteadyClock::time_point::max()));
  EXPECT_THROW(logits(), core::Error);
}

}  // namespace
}  // namespace margay::serve
