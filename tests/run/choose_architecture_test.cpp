#include "margay/run/choose_architecture.h"

#include <memory>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/collective/process_group.h"
#include "tests/support/joined_threads.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_batches.h"
#include "tests/support/tiny_weights.h"

namespace margay::run {
namespace {

class ChoiceNotes : public Observer {
 public:
  void warned(const std::string& text) override { warnings.push_back(text); }
  void chose_architecture(const std::string& text) override { choice = text; }

  std::vector<std::string> warnings;
  std::string choice;
};

class ChooseArchitecture : public testing::Test {
 protected:
  ChooseArchitecture() {
    testing_support::use_tiny_images(options_.batch, folder_ / "images");
    for (const char* name : {"resnet20", "mobilenet_v3_small"}) {
      testing_support::write_backbone(folder_ / "weights", name);
    }
    options_.arch = kAutoArch;
    options_.epochs = 1;
    options_.vision_learner.weights = folder_ / "weights";
    options_.vision_learner.learner.device = "cpu";
    options_.vision_learner.learner.precision = model::Precision::kFp32;
  }

  testing_support::TemporaryFolder folder_;
  TrainOptions options_;
  ChoiceNotes notes_;
};

TEST_F(ChooseArchitecture, RanksByProbesAndTakesTheirTimeFromTheTraining) {
  options_.minutes = 5;
  choose_architecture(options_, folder_ / "cache", notes_);
  EXPECT_NE(notes_.choice.find("(probe's error "), std::string::npos) << notes_.choice;
  EXPECT_NE(notes_.choice.find("; next: "), std::string::npos) << notes_.choice;
  EXPECT_EQ(options_.vision_learner.weights, folder_ / "weights" / (options_.arch + ".safetensors"));
  EXPECT_LT(*options_.minutes, 5);
  EXPECT_GT(*options_.minutes, 4);
}

TEST_F(ChooseArchitecture, IsTheSameInAllProcesses) {
  if (!collective::has_backend(collective::Backend::kGloo)) GTEST_SKIP() << "this LibTorch has no Gloo";
  options_.minutes = 5;
  std::vector<TrainOptions> all(2, options_);
  std::vector<ChoiceNotes> notes(2);
  testing_support::run_joined(2, [&](const std::shared_ptr<collective::Group>& group) {
    const auto rank = static_cast<std::size_t>(group->rank());
    choose_architecture(all[rank], folder_ / fmt::format("cache-{}", rank), notes[rank], group);
  });
  EXPECT_EQ(all[0].arch, all[1].arch);
  EXPECT_NE(all[0].arch, kAutoArch);
  EXPECT_EQ(all[0].minutes, all[1].minutes) << "less what rank 0 says that the probes took";
  EXPECT_EQ(notes[0].choice, notes[1].choice);
}

TEST_F(ChooseArchitecture, LeavesOutANetworkWhoseWeightsDoNotFit) {
  options_.minutes = 5;
  std::filesystem::copy_file(folder_ / "weights/resnet20.safetensors",
                             folder_ / "weights/mobilenet_v3_small.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  choose_architecture(options_, folder_ / "cache", notes_);
  EXPECT_EQ(options_.arch, "resnet20");
  ASSERT_FALSE(notes_.warnings.empty());
  EXPECT_NE(notes_.warnings[0].find("leaves mobilenet_v3_small out"), std::string::npos) << notes_.warnings[0];
}

}  // namespace
}  // namespace margay::run
