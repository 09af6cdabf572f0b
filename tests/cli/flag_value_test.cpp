#include "apps/cli/flag_value.h"

#include <gtest/gtest.h>

#include "apps/cli/train_flags.h"
#include "margay/run/train_options.h"

namespace margay::cli {
namespace {

TEST(FlagText, NamesWhatIsNotTheDefaultForAShell) {
  run::TrainOptions options;
  EXPECT_EQ(flag_text(options, run::TrainOptions{}, train_flag_names()), "");
  options.batch.data.label_regex = R"((.+)_\d+\.jpg$)";
  options.batch.data.split = data::SplitKind::kStratified;
  options.batch.transforms.resize.size = 64;
  options.batch.loader.drop_last = false;
  options.vision_learner.head.hidden = {64, 32};
  options.batch.folder = "no flag";
  EXPECT_EQ(flag_text(options, run::TrainOptions{}, train_flag_names()),
            R"( --label-regex '(.+)_\d+\.jpg$' --split stratified --resize 64 --no-drop-last --hidden 64,32)");
}

}  // namespace
}  // namespace margay::cli
