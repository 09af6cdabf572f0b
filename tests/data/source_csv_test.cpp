#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "margay/core/error.h"
#include "margay/data/source/csv.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/write_file.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;

TEST(Csv, ReadsQuotesLineBreaksAndByteOrderMarks) {
  const CsvTable table =
      parse_csv("\xEF\xBB\xBFname,label\r\n\"a,1.jpg\",\"say \"\"hi\"\"\nthere\"\r\n\r\nb.jpg,\n", "t.csv");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"name", "label"}));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"a,1.jpg", "say \"hi\"\nthere"}));
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"b.jpg", ""}));
}

TEST(Csv, KnowsWhereEachRowBegins) {
  const CsvTable table = parse_csv("\nname,label\n\na,\"two\nlines\"\nb,x\n", "t.csv");
  EXPECT_EQ(table.header_line, 2U);
  EXPECT_EQ(table.lines, (std::vector<std::size_t>{4, 6}));
}

TEST(Csv, NamesTheLineThatIsBroken) {
  EXPECT_EQ(thrown_message<core::FormatError>([] { parse_csv("a,b\n1,2\n3\n", "t.csv"); }),
            "t.csv: line 3: 1 cell, but the first line has 2");
  EXPECT_EQ(thrown_message<core::FormatError>([] { parse_csv("a\n\"x\n", "t.csv"); }),
            "t.csv: line 2: a quote is opened and never closed");
  EXPECT_THROW(parse_csv("a\n\"x\"y\n", "t.csv"), core::FormatError);
  EXPECT_THROW(parse_csv("", "t.csv"), core::FormatError);
  EXPECT_THROW(read_csv("absent.csv"), core::DataError);
}

TEST(Csv, ReadsAPipeToItsEnd) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::string rows = "name,label\n";
  for (int i = 0; i < 20'000; ++i) rows += "a.jpg,cat\n";
  const std::jthread writer([&] { std::ofstream(folder / "pipe", std::ios::binary) << rows; });
  EXPECT_EQ(read_text(folder / "pipe"), rows);
}

TEST(Csv, ReadsAFileOfAnyLengthButNoFolder) {
  const TemporaryFolder folder;
  for (const std::string& text : {std::string(), std::string("a"), std::string(100'000, 'b')}) {
    testing_support::write(folder / "t.csv", text);
    EXPECT_EQ(read_text(folder / "t.csv"), text);
  }
  EXPECT_THROW(read_text(folder.path()), core::DataError);
}

TEST(Csv, SuggestsTheNearestColumn) {
  const CsvTable table = parse_csv("name,label\nx,y\n", "t.csv");
  EXPECT_EQ(thrown_message<core::DataError>([&] { (void)table.column("lable"); }),
            "t.csv: no column 'lable' among name, label; did you mean 'label'?");
}

TEST(Csv, QuotesCellsThatNeedIt) {
  EXPECT_EQ(csv_cell("plain ä"), "plain ä");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("say \"hi\""), "\"say \"\"hi\"\"\"");
}

}  // namespace
}  // namespace margay::data
