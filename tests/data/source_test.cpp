#include <fstream>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

TEST(ImageFiles, AreFoundAtAnyDepthInNaturalOrder) {
  const TemporaryFolder folder;
  for (const char* name : {"b/10.jpg", "b/2.JPG", "a.png", "notes.txt", ".hidden.jpg", ".git/x.jpg"})
    write(folder / name, "x");
  write(folder / "nameless", "\xFF\xD8\xFF\xE0 JFIF");
  EXPECT_EQ(image_files(folder.path()),
            (std::vector<fs::path>{folder / "a.png", folder / "b/2.JPG", folder / "b/10.jpg", folder / "nameless"}));
}

TEST(ImageFiles, SayWhatIsWrongWithTheFolder) {
  const TemporaryFolder folder;
  EXPECT_NE(thrown_message<core::DataError>([&] { image_files(folder / "absent"); }).find("no such folder"),
            std::string::npos);
  EXPECT_NE(thrown_message<core::DataError>([&] { image_files(folder.path()); }).find("no pictures"),
            std::string::npos);
  write(folder / "a.txt", "x");
  EXPECT_NE(thrown_message<core::DataError>([&] { image_files(folder / "a.txt"); }).find("found a file"),
            std::string::npos);
}

TEST(RegexLabels, FindTheFirstGroupInTheFileName) {
  const Labeller labeller = regex_labels(R"((.+)_\d+\.jpg$)");
  EXPECT_EQ(labeller.label("pets_1.jpg/Great_Pyrenees_12.jpg"), "Great_Pyrenees");
  EXPECT_EQ(labeller.label("a_1.jpg"), "a");
  EXPECT_EQ(labeller.label("a_1.png"), std::nullopt);
}

TEST(RegexLabels, RefusePatternsThatCannotLabel) {
  EXPECT_THROW(regex_labels("(unclosed"), std::invalid_argument);
  EXPECT_NE(thrown_message<std::invalid_argument>([] { regex_labels("no_group"); }).find("no group"),
            std::string::npos);
}

TEST(FolderLabels, AreTheNamesOfTheFolders) {
  EXPECT_EQ(folder_labels().label("data/cat/1.jpg"), "cat");
  EXPECT_EQ(folder_labels().label("1.jpg"), std::nullopt);
}

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

TEST(Csv, SuggestsTheNearestColumn) {
  const CsvTable table = parse_csv("name,label\nx,y\n", "t.csv");
  EXPECT_EQ(thrown_message<core::DataError>([&] { (void)table.column("lable"); }),
            "t.csv: no column 'lable' among name, label; did you mean 'label'?");
}

/// A folder with three pictures and a table.
struct TableFixture {
  explicit TableFixture(const std::string& csv) {
    for (const char* name : {"pics/a.jpg", "pics/sub/b.jpg", "pics/c.jpg"}) write(folder / name, "x");
    write(folder / "t.csv", csv);
  }
  LabelTable table() const { return LabelTable::read(folder / "t.csv", folder / "pics"); }
  std::vector<Item> items() const {
    std::vector<Item> items;
    for (const auto& path : image_files(folder / "pics")) items.push_back({path, "x"});
    return items;
  }
  TemporaryFolder folder;
};

TEST(LabelTable, LabelsAndSplitsByRelativePathOrName) {
  const TableFixture fixture("name,label,is_valid\na.jpg,cat,0\nsub/b.jpg,dog,1\nc.jpg,cat,False\n");
  const LabelTable table = fixture.table();
  EXPECT_EQ(table.items().size(), 3U);
  EXPECT_EQ(table.labels().label(fixture.folder / "pics/sub/b.jpg"), "dog");
  EXPECT_EQ(table.labels().label(fixture.folder / "pics/z.jpg"), std::nullopt);
  const Split split = table.split()(fixture.items());
  EXPECT_EQ(split.train, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(split.valid, (std::vector<std::size_t>{2}));
}

TEST(LabelTable, NamesAbsentPictures) {
  const TableFixture fixture("name,label,is_valid\na.jpg,cat,0\nb.jpg,x,0\nc.jpg,x,0\nghost.jpg,cat,1\n");
  const std::string message = thrown_message<core::DataError>([&] { (void)fixture.table().split()(fixture.items()); });
  EXPECT_NE(message.find("1 of the 4 pictures listed are not among the data: 'ghost.jpg'"), std::string::npos)
      << message;
  EXPECT_NE(thrown_message<core::DataError>([&] { (void)fixture.table().items(); }).find("'ghost.jpg'"),
            std::string::npos);
}

TEST(LabelTable, NamesPicturesThatItDoesNotList) {
  const TableFixture fixture("name,is_valid\na.jpg,0\n");
  const std::string message = thrown_message<core::DataError>([&] { (void)fixture.table().split()(fixture.items()); });
  EXPECT_NE(message.find("2 pictures are not in this table: 'c.jpg', 'b.jpg'"), std::string::npos) << message;
  EXPECT_THROW((void)fixture.table().labels(), core::DataError);
}

TEST(LabelTable, RefusesRowsItCannotUse) {
  EXPECT_THROW((void)TableFixture("name,is_valid\na.jpg,maybe\n").table(), core::FormatError);
  EXPECT_THROW((void)TableFixture("name,label\na.jpg,x\na.jpg,y\n").table(), core::DataError);
  EXPECT_THROW((void)TableFixture("name,label\n").table(), core::DataError);
  EXPECT_THROW((void)TableFixture("file,label\na.jpg,x\n").table(), core::DataError);
}

std::vector<Item> numbered_items(std::size_t n) {
  std::vector<Item> items;
  for (std::size_t i = 0; i < n; ++i) items.push_back({std::to_string(i) + ".jpg", "x"});
  return items;
}

TEST(RandomSplit, IsTheOneThatFastaiMakes) {
  const Split split = random_split({.valid_fraction = 0.2, .seed = 42})(numbered_items(10));
  EXPECT_EQ(split.valid, (std::vector<std::size_t>{2, 6}));
  EXPECT_EQ(split.train, (std::vector<std::size_t>{1, 8, 4, 5, 0, 9, 3, 7}));
}

TEST(RandomSplit, RefusesAnImpossibleShare) {
  EXPECT_THROW(random_split({.valid_fraction = 1.5}), std::invalid_argument);
}

TEST(FolderSplit, LooksAtFoldersBelowTheRoot) {
  const std::vector<Item> items = {{"train/data/train/3/a.png", ""}, {"train/data/valid/7/b.png", ""}};
  const Split split = folder_split("train/data")(items);
  EXPECT_EQ(split.train, (std::vector<std::size_t>{0}));
  EXPECT_EQ(split.valid, (std::vector<std::size_t>{1}));
  EXPECT_THROW(folder_split("train/data")({{"train/data/test/x.png", ""}}), core::DataError);
}

TEST(Vocabulary, SortsAsFastaisCategoryMap) {
  MARGAY_REQUIRE_GOLDEN("splits_labels.json");
  const auto expected =
      testing_support::golden("splits_labels.json")["CategoryMap_strings"].get<std::vector<std::string>>();
  EXPECT_EQ(Vocabulary::of_labels({expected.rbegin(), expected.rend()}).names(), expected);
}

TEST(Vocabulary, KnowsItsClassesAndSuggestsTheNearest) {
  const Vocabulary vocabulary = Vocabulary::of_labels({"pug", "beagle", "pug"});
  EXPECT_EQ(vocabulary.size(), 2);
  EXPECT_EQ(vocabulary.index("pug"), 1);
  EXPECT_EQ(vocabulary.name(0), "beagle");
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { (void)vocabulary.index("baegle"); }),
            "[Vocabulary] no class 'baegle'; did you mean 'beagle'?");
  EXPECT_THROW(Vocabulary({"a", "a"}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::data
