#include <fstream>
#include <limits>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "apps/cli/logits_table.h"
#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::cli {
namespace {

using Names = std::vector<std::string>;

std::string problem_with(const std::string& text) {
  return testing_support::thrown_message<core::DataError>([&] { parse_logits(text, "t.csv"); });
}

TEST(LogitsTable, ReadsClassesNamesAndTargets) {
  const LogitsTable table = parse_logits("cat, name ,dog,target\n1.5,a.jpg,-2,dog\n+3, b.jpg, 1e-3 ,\n", "t.csv");
  EXPECT_EQ(table.class_names, (Names{"cat", "dog"}));
  EXPECT_EQ(table.row_names, (Names{"a.jpg", "b.jpg"}));
  EXPECT_EQ(*table.targets, (Names{"dog", ""}));
  EXPECT_TRUE(table.logits.equal(torch::tensor({{1.5, -2.0}, {3.0, 1e-3}}, torch::kDouble)));
}

TEST(LogitsTable, CountsTheClassesWhereThereIsNoHeader) {
  const LogitsTable table = parse_logits("1,-inf,3\n4,5,6\n", "t.csv");
  EXPECT_EQ(table.class_names, (Names{"0", "1", "2"}));
  EXPECT_EQ(table.logits.size(0), 2);
  EXPECT_EQ(table.logits[0][1].item<double>(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(table.lines, (std::vector<std::size_t>{1, 2}));
  EXPECT_FALSE(table.targets);
}

TEST(LogitsTable, TakesTheNumbersOfTheColumnsForAHeader) {  // what pandas writes for a DataFrame without names
  const LogitsTable table = parse_logits("0,1,2\n3.5,0,-1\n", "t.csv");
  EXPECT_EQ(table.class_names, (Names{"0", "1", "2"}));
  EXPECT_TRUE(table.logits.equal(torch::tensor({{3.5, 0.0, -1.0}}, torch::kDouble))) << table.logits;
  EXPECT_EQ(parse_logits("0,2,1\n3,4,5\n", "t.csv").logits.size(0), 2);
  EXPECT_EQ(parse_logits("0.0,1.0\n3,4\n", "t.csv").logits.size(0), 2);
  EXPECT_EQ(problem_with("0,1\n"), "t.csv: the table has a header but no rows of activations");
}

TEST(LogitsTable, NamesLineAndColumnOfWhatIsNoActivation) {
  EXPECT_EQ(problem_with("cat,dog\n1,2\n\n1,two\n"),
            "t.csv: line 4, column 'dog': 'two' is no number; only the columns name and target hold text, and -inf "
            "excludes a class");
  EXPECT_EQ(problem_with("cat,dog\n1,nan\n"),
            "t.csv: line 2, column 'dog': the activation is NaN: look for a division by 0 or a diverged training");
  EXPECT_EQ(problem_with("1,inf\n"),
            "t.csv: line 1, column '1': the activation is +inf, which has no softmax: it overflowed, in half precision "
            "beyond 65504");
  EXPECT_NE(problem_with("cat,dog\n1,\n").find("'' is no number"), std::string::npos);
  EXPECT_NE(problem_with("cat\n1;2\n").find("'1;2' is no number; cells are separated as the header's are"),
            std::string::npos);
  EXPECT_NE(problem_with("cat;dog\n1,5;2\n").find("'1,5' is no number; write it with a point, 1.5"), std::string::npos);
  EXPECT_NE(problem_with("cat,dog\n1,2x\n").find("'2x' is no number"), std::string::npos);
}

TEST(LogitsTable, ReadsTablesOfAllProgramsAlike) {
  const std::string utf16(
      "\xFF\xFE"
      "a\0;\0b\0\r\0"
      "1\0;\0"
      "2\0",
      16);
  for (const std::string& text : {std::string("a,b\r1,2\r"), std::string("a;b\n1;2\n"), utf16}) {
    const LogitsTable table = parse_logits(text, "t.csv");
    EXPECT_EQ(table.class_names, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(table.logits[0][1].item<double>(), 2);
  }
}

TEST(LogitsTable, RefusesTablesThatAreNone) {
  EXPECT_EQ(problem_with("cat,dog\n1,2\n1\n"),
            "t.csv: line 3: 1 cell, but the first line has 2; cells are separated at ',': if another sign "
            "separates them, say so in a line before the header, such as sep=;");
  EXPECT_EQ(problem_with("1,2\n1,2,3\n"),
            "t.csv: line 2: 3 cells, but the first line has 2; put a cell that holds a ',' into quotes");
  EXPECT_EQ(problem_with(""), "t.csv: the table is empty; expected a header line");
  EXPECT_EQ(problem_with("cat,dog\n"), "t.csv: the table has a header but no rows of activations");
  EXPECT_EQ(problem_with("name,target\na,b\n"), "t.csv: no column of activations; each class needs one");
  EXPECT_NE(problem_with(",cat\n0,2\n").find("line 1: a column has no name"), std::string::npos);
  EXPECT_NE(problem_with("caf\xE9,dog\n1,2\n").find("line 1: the byte E9 ('é' in Windows-1252) is not UTF-8"),
            std::string::npos);
  EXPECT_EQ(problem_with("cat,cat\n1,2\n"),
            "t.csv: line 1: two columns are called 'cat'; classes need different names");
}

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
