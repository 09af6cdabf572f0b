#include "margay/run/run_folder.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace margay::run {
namespace {

TEST(History, NamesWithCommasQuotesAndLineBreaksComeBack) {
  const testing_support::TemporaryFolder folder;
  testing_support::write(folder / "history.csv",
                         "stage,epoch,train_loss,valid_loss,\"a, \"\"b\"\"\nc\",seconds,train_images_per_s,wait_share\n"
                         "\"warm, \"\"up\"\"\n\",0,0.5,0.4,0.5,1.0,10,0.1\n");
  const std::vector<RunEpoch> epochs = read_history(folder / "history.csv");
  ASSERT_EQ(epochs.size(), 1U);
  EXPECT_EQ(epochs[0].stage, "warm, \"up\"\n");
  EXPECT_EQ(epochs[0].metrics, (std::vector<std::pair<std::string, double>>{{"a, \"b\"\nc", 0.5}}));
}

TEST(History, EndsBeforeTheFirstLineThatIsBroken) {
  const testing_support::TemporaryFolder folder;
  const std::string whole =
      "stage,epoch,train_loss,valid_loss,error_rate,seconds,train_images_per_s,wait_share\n"
      "fit,0,0.5,0.4,0.1,1.0,10,0.1\n";
  for (const std::string broken :
       {"", "fit,1,0.5", "fit,1,x,0.4,0.1,1.0,10,0.1\n", "\"fit,1,0.5,0.4,0.1,1.0,10,0.1\n"}) {
    testing_support::write(folder / "history.csv", whole + broken);
    EXPECT_EQ(read_history(folder / "history.csv").size(), 1U) << broken;
  }
  testing_support::write(folder / "history.csv", "another,table\n1,2\n");
  EXPECT_TRUE(read_history(folder / "history.csv").empty());
  EXPECT_TRUE(read_history(folder / "none.csv").empty());
}

TEST(RunFolder, WarnsBeforeTheWorkOfADiskThatIsTooSmall) {
  const testing_support::TemporaryFolder runs;
  const RunFolder folder(runs.path(), "large");
  EXPECT_EQ(folder.space_warning(0), "");
  const std::string warning = folder.space_warning(std::uintmax_t{1} << 62);
  EXPECT_TRUE(warning.starts_with(folder.path().string() + ": the disk has ")) << warning;
  EXPECT_NE(warning.find("take about 4611686018.4 GB; free some space"), std::string::npos) << warning;
}

}  // namespace
}  // namespace margay::run
