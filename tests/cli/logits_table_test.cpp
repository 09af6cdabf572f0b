#include "apps/cli/logits_table.h"

#include <limits>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
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
  EXPECT_EQ(table.row_names, (Names{"a.jpg", " b.jpg"}));
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
            "rules a class out");
  EXPECT_EQ(problem_with("cat,dog\n1,nan\n"),
            "t.csv: line 2, column 'dog': the activation is NaN: look for a division by 0 or a diverged training");
  EXPECT_EQ(problem_with("1,inf\n"),
            "t.csv: line 1, column '1': the activation is +inf, which has no softmax: it overflowed, in half precision "
            "beyond 65504");
  EXPECT_NE(problem_with("cat,dog\n1,\n").find("'' is no number"), std::string::npos);
  EXPECT_NE(problem_with("cat\n1;2\n").find("'1;2' is no number; cells are separated by commas"), std::string::npos);
  EXPECT_NE(problem_with("cat,dog\n1,2x\n").find("'2x' is no number"), std::string::npos);
}

TEST(LogitsTable, RefusesTablesThatAreNone) {
  EXPECT_EQ(problem_with("cat,dog\n1,2\n1\n"), "t.csv: line 3: 1 cell, but the first line has 2");
  EXPECT_EQ(problem_with("1,2\n1,2,3\n"), "t.csv: line 2: 3 cells, but the first line has 2");
  EXPECT_EQ(problem_with(""), "t.csv: the table is empty; expected a header line");
  EXPECT_EQ(problem_with("cat,dog\n"), "t.csv: the table has a header but no rows of activations");
  EXPECT_EQ(problem_with("name,target\na,b\n"), "t.csv: no column of activations; each class needs one");
  EXPECT_NE(problem_with(",cat\n0,2\n").find("line 1: a column has no name"), std::string::npos);
  EXPECT_EQ(problem_with("cat,dog\r1,2\r"),
            "t.csv: line 1: a carriage return ends the line, without a line feed; save the table with line ends LF or "
            "CRLF, as 'CSV UTF-8' does");
  for (const std::string mark : {"\xFF\xFE", "\xFE\xFF"}) {
    EXPECT_EQ(problem_with(mark + "c"), "t.csv: the table is UTF-16; save it as UTF-8, such as 'CSV UTF-8'");
  }
  EXPECT_EQ(problem_with("cat,cat\n1,2\n"),
            "t.csv: line 1: two columns are called 'cat'; classes need names of their own");
}

}  // namespace
}  // namespace margay::cli
