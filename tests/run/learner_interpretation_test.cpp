#include <gtest/gtest.h>

#include "margay/interpret/interpretation.h"
#include "margay/train/vision_learner.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_images.h"

namespace margay::run {
namespace {

/// `interpret` does not see `train`, so this is where both meet.
TEST(LearnersInterpretation, IsOfItsValidationImages) {
  const testing_support::TemporaryFolder folder;
  testing_support::write_tiny_images(folder.path(), 4, 3);
  train::Learner learner =
      train::vision_learner(testing_support::tiny_block(folder.path()).loaders({.batch_size = 4, .num_workers = 1}),
                            "resnet20", {.learner = {.precision = model::Precision::kFp32}});
  const auto interp = interpret::Interpretation::from_learner(learner, {.bootstrap = {.replicates = 100}});
  EXPECT_EQ(interp.vocab().names(), (std::vector<std::string>{"flat", "upright"}));
  EXPECT_EQ(interp.confusion_matrix().row_total(0), 3);
  EXPECT_EQ(interp.confusion_matrix().row_total(1), 3);
  const interpret::TopLoss worst = interp.top_losses(1).at(0);
  EXPECT_NE(worst.name.find(worst.label + "/"), std::string::npos) << worst.name;
  EXPECT_TRUE(interp.predictions().rows.logits.equal(learner.get_preds().logits));
}

}  // namespace
}  // namespace margay::run
