#include <fstream>
#include <numeric>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "margay/core/error.h"
#include "margay/data/data_block.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/label_table.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

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
            "t.csv: line 3: 1 cell, but the first line has 2; cells are separated at ',': if another sign "
            "separates them, say so in a line before the header, such as sep=;");
  EXPECT_EQ(thrown_message<core::FormatError>([] { parse_csv("a;b\n1;2;3\n", "t.csv"); }),
            "t.csv: line 2: 3 cells, but the first line has 2; put a cell that holds a ';' into quotes");
  EXPECT_EQ(thrown_message<core::FormatError>([] { parse_csv("a\n\"x\n", "t.csv"); }),
            "t.csv: line 2: a quote is opened and never closed");
  EXPECT_THROW(parse_csv("a\n\"x\"y\n", "t.csv"), core::FormatError);
  EXPECT_THROW(parse_csv("", "t.csv"), core::FormatError);
  EXPECT_THROW(read_csv("absent.csv"), core::DataError);
}

TEST(Csv, TakesLineEndsOfAllSystems) {
  for (const char* text : {"a,b\n1,2\n3,4", "a,b\r\n1,2\r\n3,4\r\n", "a,b\r1,2\r3,4\r", "a,b\r\n1,2\r3,4\n"}) {
    const CsvTable table = parse_csv(text, "t.csv");
    EXPECT_EQ(table.rows, (std::vector<std::vector<std::string>>{{"1", "2"}, {"3", "4"}}));
    EXPECT_EQ(table.lines, (std::vector<std::size_t>{2, 3}));
  }
}

TEST(Csv, DropsBlanksAroundCellsButNotInQuotes) {
  const CsvTable table = parse_csv("name, label\n a.jpg ,\tcup \nb.jpg, \" cup\" \n", "t.csv");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"name", "label"}));
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"a.jpg", "cup"}));
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"b.jpg", " cup"}));
}

TEST(Csv, KnowsWhatSeparatesTheCells) {
  for (const char* text : {"a;b\n1;2,5\n", "a\tb\n1\t2,5\n", "a|b\n1|2,5\n", "sep=;\na;b\n1;2,5\n", "\na;b\n1;2,5\n",
                           "\"a\";b\n1;\"2,5\"\n"}) {
    const CsvTable table = parse_csv(text, "t.csv");
    EXPECT_EQ(table.columns, (std::vector<std::string>{"a", "b"})) << text;
    EXPECT_EQ(table.rows, (std::vector<std::vector<std::string>>{{"1", "2,5"}})) << text;
  }
  EXPECT_EQ(parse_csv("\"a;x\",b\n1,2\n", "t.csv").columns, (std::vector<std::string>{"a;x", "b"}));
  EXPECT_EQ(parse_csv("a,b\tc\n1,2\n", "t.csv").columns.size(), 2U) << "a comma is the first choice";
  EXPECT_EQ(parse_csv("a,b\tc\n1\t2\n", "t.tsv").columns, (std::vector<std::string>{"a,b", "c"}));
  EXPECT_EQ(parse_csv("a,b\n1,2\n", "t.tsv").columns.size(), 2U) << "no tab in it, whatever its name says";
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

// Whatever table is written by RFC 4180's rules comes back cell by cell.

namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string quoted(const std::string& cell) {
  std::string text = "\"";
  for (const char c : cell) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

std::string written(const Rows& rows, const std::string& line_end) {
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ",") + quoted(row[i]);
    text += line_end;
  }
  return text;
}

rc::Gen<std::string> any_cell() {
  const auto letter =
      rc::gen::elementOf(std::vector<std::string>{"a", "b", ",", "\"", "\r", "\n", " ", "\t", ";", "ä"});
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(letter),
                      [](const std::vector<std::string>& letters) {
                        return std::accumulate(letters.begin(), letters.end(), std::string());
                      });
}

RC_GTEST_PROP(CsvProperty, AnyQuotedTableComesBack, ()) {
  const auto width = *rc::gen::inRange<std::size_t>(2, 5);  // one empty column would be an empty line
  const auto row = rc::gen::container<std::vector<std::string>>(width, any_cell());
  const auto rows = *rc::gen::nonEmpty(rc::gen::container<Rows>(row));
  const CsvTable table = parse_csv(written(rows, *rc::gen::elementOf(std::vector<std::string>{"\n", "\r\n"})), "t.csv");
  RC_ASSERT(table.columns == rows.front());
  RC_ASSERT(table.rows == Rows(rows.begin() + 1, rows.end()));
}

RC_GTEST_PROP(CsvProperty, AnyTextIsReadOrRefused, (const std::string& text)) {
  try {
    for (const auto& row : parse_csv(text, "t.csv").rows) RC_ASSERT(!row.empty());
  } catch (const core::FormatError&) {
    RC_SUCCEED("refused");
  }
}

}  // namespace

// A saved table makes the same data sets again, whatever the names.

namespace {

rc::Gen<std::string> any_text(const std::string& letters) {
  return rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(letters)));
}

/// Images p0…, in names of any letters but the slash; every label of any letters.
std::shared_ptr<const Items> any_items(const TemporaryFolder& folder, Task task) {
  const auto items = std::make_shared<Items>(task);
  const auto size = *rc::gen::inRange<std::size_t>(2, 7);
  for (std::size_t i = 0; i < size; ++i) {
    const std::string name =
        (i % 2 == 0 ? "sub, dir/" : "") + *any_text("ab,\"\r\n ;'") + "ä" + std::to_string(i) + ".jpg";
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << "x";
    std::set<std::string> labels;
    const auto count = task == Task::kSingleLabel ? 1 : *rc::gen::inRange(0, 4);
    for (int k = 0; k < count; ++k)
      labels.insert(*any_text(" ") + "p" + *any_text("xy,\";|\n/") + "üz" + *any_text(" "));
    items->add((folder / name).native(), {labels.begin(), labels.end()});
  }
  return items;
}

std::vector<std::pair<std::string, std::string>> content(const Dataset& dataset, const Vocabulary& vocabulary) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    std::string labels;
    for (const std::int64_t k : dataset.classes(i)) labels += vocabulary.name(k) + "\n--\n";
    rows.emplace_back(dataset.path(i).string(), labels);
  }
  return rows;
}

void comes_back(Task task, const char* name) {
  const TemporaryFolder folder;
  const auto items = any_items(folder, task);
  const auto cut = static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(1, items->size()));
  std::vector<std::size_t> order(items->size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::reverse(order.begin(), order.end());
  Datasets datasets;
  datasets.vocabulary = Vocabulary::of_labels(items->label_names());
  datasets.train =
      std::make_shared<Dataset>(items, std::vector(order.begin(), order.begin() + cut), datasets.vocabulary);
  datasets.valid = std::make_shared<Dataset>(items, std::vector(order.begin() + cut, order.end()), datasets.vocabulary);

  const std::string delimiter = save_table(datasets, folder.path(), folder / name);
  const LabelTable table = LabelTable::read(folder / name, folder.path(), {.delimiter = delimiter});
  const Datasets again = DataBlock().items(table.items()).label(table.labels()).split(table.split()).datasets();
  RC_ASSERT(again.vocabulary == datasets.vocabulary);
  RC_ASSERT(content(*again.train, again.vocabulary) == content(*datasets.train, datasets.vocabulary));
  RC_ASSERT(content(*again.valid, again.vocabulary) == content(*datasets.valid, datasets.vocabulary));
}

RC_GTEST_PROP(SaveTable, SingleLabelDatasetsComeBack, ()) { comes_back(Task::kSingleLabel, "split.csv"); }

RC_GTEST_PROP(SaveTable, MultiLabelDatasetsComeBack, ()) { comes_back(Task::kMultiLabel, "split.csv"); }

RC_GTEST_PROP(SaveTable, JsonLinesNeedNoDelimiter, ()) { comes_back(Task::kMultiLabel, "split.jsonl"); }

}  // namespace

}  // namespace margay::data
