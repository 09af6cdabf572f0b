#include "apps/cli/written_targets.h"

#include <fstream>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::cli {
namespace {

using testing_support::thrown_message;

const std::vector<std::string> kClasses = {"boxer", "beagle", "pug"};

LogitsTable three_rows(const std::string& extra = "") {
  return parse_logits("name,boxer,beagle,pug" + extra + "\na,1,2,3\nb,1,2,3\nc,1,2,3\n", "logits.csv");
}

WrittenTargets listed(const std::string& text) { return *written_targets(text, three_rows(), "logits.csv"); }

std::vector<std::int64_t> indices(const torch::Tensor& targets) {
  return {targets.data_ptr<std::int64_t>(), targets.data_ptr<std::int64_t>() + targets.numel()};
}

TEST(WrittenTargets, AreNamesOrIndicesAndMayBeUnknown) {
  EXPECT_EQ(indices(class_targets(listed("pug, 0 ,"), kClasses)), (std::vector<std::int64_t>{2, 0, -1}));
  EXPECT_FALSE(written_targets(std::nullopt, three_rows(), "logits.csv"));
}

TEST(WrittenTargets, TakeANameBeforeAnIndex) {
  EXPECT_EQ(indices(class_targets(listed("1,0,1"), {"1", "0"})), (std::vector<std::int64_t>{0, 1, 0}));
}

TEST(WrittenTargets, MayBeSeveralOrNone) {
  const torch::Tensor targets = multi_label_targets(listed("boxer; 2,,beagle"), kClasses);
  EXPECT_TRUE(targets.equal(torch::tensor({{true, false, true}, {false, false, false}, {false, true, false}})));
}

TEST(WrittenTargets, PointAtTheEntryThatIsNoClass) {
  const auto message = [](const std::string& text) {
    return thrown_message<std::invalid_argument>([&] { class_targets(listed(text), kClasses); });
  };
  EXPECT_EQ(message("pug,beagel,pug"), "entry 2 of --targets: no class 'beagel'; did you mean 'beagle'?");
  EXPECT_EQ(message("pug,cat,pug"), "entry 2 of --targets: no class 'cat'; there are boxer, beagle, pug");
  EXPECT_EQ(message("0,1,3"), "entry 3 of --targets: 3 is no class index; 3 classes allow 0 to 2");
  EXPECT_EQ(thrown_message<std::invalid_argument>([] {
              class_targets(written_label("x"), {"a", "b"});
            }),
            "--label: no class 'x'; there are a, b");
  EXPECT_NE(message("pug;boxer,0,0").find("several classes need --binary"), std::string::npos);
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { class_targets(written_label("pgu"), kClasses); }),
            "--label: no class 'pgu'; did you mean 'pug'?");
}

TEST(WrittenTargets, MustBeOneForEachRow) {
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { listed("pug,pug"); }),
            "--targets: 2 targets for the 3 rows of logits.csv; each row needs one, which may be empty");
}

TEST(WrittenTargets, OfAFilePointAtItsLine) {
  const testing_support::TemporaryFolder folder;
  const auto path = folder / "targets.csv";
  std::ofstream(path) << "name,target\na,pug\nb,cat\nc,0\n";
  const auto written = written_targets(path.string(), three_rows(), "logits.csv");
  EXPECT_EQ(thrown_message<core::DataError>([&] { class_targets(*written, kClasses); }),
            path.string() + ": line 3, column 'target': no class 'cat'; there are boxer, beagle, pug");
}

TEST(WrittenTargets, OfAFileMustStandInTheOrderOfTheLogits) {
  const testing_support::TemporaryFolder folder;
  const auto path = folder / "targets.csv";
  std::ofstream(path) << "name,target\na,pug\nc,pug\nb,0\n";
  const auto read = [&] { written_targets(path.string(), three_rows(), "logits.csv"); };
  EXPECT_NE(
      thrown_message<core::DataError>(read).find("line 3: the target of 'c' stands where the logits are those of 'b'"),
      std::string::npos);
  std::ofstream(path) << "name,label\na,pug\n";
  EXPECT_NE(thrown_message<core::DataError>(read).find("no column 'target' among name, label"), std::string::npos);
}

}  // namespace
}  // namespace margay::cli
