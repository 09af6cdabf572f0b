#include "margay/train/bottleneck.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

class Doctor : public testing::Test {
 protected:
  Doctor() { testing_support::write_tiny_images(folder_.path(), 4, 2); }
  std::string line(const EpochRecord& record) const {
    return describe_bottleneck(record, testing_support::tiny_block(folder_.path()).loaders());
  }
  testing_support::TemporaryFolder folder_;
};

TEST_F(Doctor, IsContentWhenTheNetworkTakesTheTime) {
  EXPECT_EQ(line({.wait_share = 0.004, .forward_share = 0.3, .backward_share = 0.65, .update_share = 0.03}),
            "Time of the first epoch: 0 % waiting for images, 30 % forward, 65 % backward, 3 % optimizer. The network "
            "takes most of the time, as it should.");
}

TEST_F(Doctor, SaysNothingWhereTheSharesDoNotExplainTheTime) {
  EXPECT_EQ(line({.wait_share = 0.01, .forward_share = 0.06, .backward_share = 0.08, .update_share = 0.01}), "");
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(line({.wait_share = kUnknown, .forward_share = kUnknown, .backward_share = kUnknown}), "");
}

TEST_F(Doctor, MeasuresTheStagesOfLoadingWhenImagesWereWaitedFor) {
  const std::string text = line({.wait_share = 0.5, .forward_share = 0.2, .backward_share = 0.3});
  EXPECT_NE(text.find("50 % waiting for images"), std::string::npos) << text;
  EXPECT_NE(text.find("ms an image: read "), std::string::npos) << text;
  EXPECT_NE(text.find(", decode "), std::string::npos) << text;
}

TEST_F(Doctor, NamesTheOptimizerAndTheCallbacks) {
  EXPECT_NE(line({.update_share = 0.3}).find("`accumulate`"), std::string::npos);
  EXPECT_NE(line({.callback_share = 0.2}).find("20 % callbacks"), std::string::npos);
}

}  // namespace
}  // namespace margay::train
