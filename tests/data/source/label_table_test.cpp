#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/label_table.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

/// A folder with three images and a table.
struct TableFixture {
  explicit TableFixture(const std::string& csv) {
    for (const char* name : {"pics/a.jpg", "pics/sub/b.jpg", "pics/c.jpg"}) write(folder / name, "x");
    write(folder / "t.csv", csv);
  }
  LabelTable table(const LabelColumns& columns = {}) const {
    return LabelTable::read(folder / "t.csv", folder / "pics", columns);
  }
  Items items() const {
    Items items;
    for (const auto& path : image_files(folder / "pics")) items.add(path.native(), {"x"});
    return items;
  }
  TemporaryFolder folder;
};

TEST(LabelTable, LabelsAndSplitsByRelativePathOrName) {
  const TableFixture fixture("name,label,is_valid\na.jpg,cat,0\nsub/b.jpg,dog,1\nc.jpg,cat,False\n");
  const LabelTable table = fixture.table();
  EXPECT_EQ(table.items().size(), 3U);
  EXPECT_EQ(table.labels().label((fixture.folder / "pics/sub/b.jpg").native()), Labels{"dog"});
  EXPECT_EQ(table.labels().label((fixture.folder / "pics/z.jpg").native()), std::nullopt);
  const Split split = table.split()(fixture.items());
  EXPECT_EQ(split.train, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(split.valid, (std::vector<std::size_t>{2}));
}

TEST(LabelTable, NamesAbsentImages) {
  const TableFixture fixture("name,label,is_valid\na.jpg,cat,0\nb.jpg,x,0\nc.jpg,x,0\nghost.jpg,cat,1\n");
  const std::string message = thrown_message<core::DataError>([&] { (void)fixture.table().split()(fixture.items()); });
  EXPECT_NE(message.find("1 of the 4 images listed are not among the data: 'ghost.jpg'"), std::string::npos) << message;
  EXPECT_NE(thrown_message<core::DataError>([&] { (void)fixture.table().items(); }).find("'ghost.jpg'"),
            std::string::npos);
}

TEST(LabelTable, NamesImagesThatItDoesNotList) {
  const TableFixture fixture("name,is_valid\na.jpg,0\n");
  const std::string message = thrown_message<core::DataError>([&] { (void)fixture.table().split()(fixture.items()); });
  EXPECT_NE(message.find("2 images are not in this table: 'c.jpg', 'sub/b.jpg'"), std::string::npos) << message;
  EXPECT_THROW((void)fixture.table().labels(), core::DataError);
}

TEST(LabelTable, TellsOfImagesBesideThoseThatItLists) {
  const TableFixture fixture("name,label\na,cat\n");
  LeftOut left_out;
  EXPECT_EQ(fixture.table().items(Gaps::kRefuse, left_out).size(), 1U);
  EXPECT_EQ(left_out.count(LeftOutKind::kUnlistedImage), 1U) << "c.jpg; no row leads to sub/";
  EXPECT_NE(left_out.sentences().at(0).find("left out 1 image that the table does not list: '"), std::string::npos);
}

TEST(LabelTable, SaysThatTheFirstRowIsTakenAsTheHeader) {
  const auto problem = [](const char* text) {
    const TableFixture fixture(text);
    return thrown_message<core::DataError>([&] { (void)fixture.table(); });
  };
  const std::string none = problem("a.jpg,cat\nc.jpg,dog\n");
  EXPECT_NE(
      none.find("no column 'name' among a.jpg, cat; the first row is taken as the header, but 'a.jpg' in it looks "
                "like an image: put a row with the columns' names above it, such as name,label"),
      std::string::npos)
      << none;
  EXPECT_NE(problem("photo_of,label\na.jpg,x\n").find("`name_column`; the first row is taken as the header"),
            std::string::npos);
  EXPECT_NE(problem("a.jpg,cat\n").find("no rows below its header"), std::string::npos);
  const TableFixture lines("{\"photo_of\": \"a.jpg\"}\n");
  EXPECT_EQ(thrown_message<core::DataError>([&] { (void)lines.table(); }).find("header"), std::string::npos);
}

TEST(LabelTable, RefusesRowsItCannotUse) {
  EXPECT_THROW((void)TableFixture("name,is_valid\na.jpg,maybe\n").table().split(), core::FormatError);
  EXPECT_THROW((void)TableFixture("name,label\na.jpg,x\na.jpg,y\n").table().labels(), core::DataError);
  EXPECT_THROW((void)TableFixture("name,label\n").table(), core::DataError);
  EXPECT_THROW((void)TableFixture("photo_of,label\na.jpg,x\n").table(), core::DataError);
}

TEST(LabelTable, NamesLineAndColumnOfWhatIsWrong) {
  const auto message = [](const char* text, auto&& use) {
    const TableFixture fixture(text);
    const std::string all = thrown_message<core::DataError>([&] { use(fixture.table()); });
    return all.substr(all.find("t.csv: ") + 7);
  };
  const auto nothing = [](const LabelTable&) {};
  const auto labels = [](const LabelTable& table) { (void)table.labels(); };
  EXPECT_EQ(message("file,label\na.jpg,x\nb,y\na.jpg,z\n", labels),
            "1 row repeats an image with another label: 'line 4: a.jpg, first on line 2'; keep one row for each image, "
            "or say with `label_delimiter` that an image may have several labels, so that those of all its rows count");
  EXPECT_EQ(message("fname,label\n,x\n", nothing), "line 2, column 'fname': the name of the image is empty");
  EXPECT_EQ(message("name,class\na.jpg,x\nb,\n", labels),
            "1 of 2 images have no label in column 'class': 'line 3: b'; give each one, or say with `label_delimiter` "
            "that an "
            "image may have any number of labels, or none");
  EXPECT_EQ(message("name,split\na.jpg,train\nb,maybe\n", [](const LabelTable& table) { (void)table.split(); }),
            "line 3, column 'split': 'maybe' names neither the training nor the validation set; expected 0 or 1, or "
            "train, valid, "
            "test");
}

TEST(LabelTable, KnowsTheUsualNamesOfColumnsAndAsksWhereTwoFit) {
  EXPECT_EQ(TableFixture("Image,Class,Split\na.jpg,cat,val\n").table().labels().label("a.jpg"), Labels{"cat"});
  const TableFixture two("file,path,label\na.jpg,b,cat\n");
  EXPECT_NE(thrown_message<core::DataError>([&] {
              (void)two.table();
            }).find("both columns 'file' and 'path' may hold the names of the images; say which with `name_column`"),
            std::string::npos);
  EXPECT_EQ(two.table({.name = "path"}).labels().label("b"), Labels{"cat"});
  EXPECT_NE(thrown_message<core::DataError>([&] { (void)two.table({.name = "pth"}); }).find("did you mean 'path'?"),
            std::string::npos);
}

TEST(LabelTable, SplitsLabelsAtADelimiter) {
  const TableFixture fixture(
      "fname,labels,is_valid\na.jpg,chair person,True\nc.jpg,,False\nsub/b.jpg,person person,0\n");
  const Labeller labeller = fixture.table({.delimiter = " "}).labels();
  EXPECT_EQ(labeller.task, Task::kMultiLabel);
  EXPECT_EQ(labeller.label("a.jpg"), (Labels{"chair", "person"}));
  EXPECT_EQ(labeller.label("c.jpg"), Labels{});
  EXPECT_EQ(labeller.label("b.jpg"), std::nullopt);
  EXPECT_EQ(labeller.label("sub/b.jpg"), Labels{"person"});
}

TEST(LabelTable, TakesAColumnForEachClass) {
  const TableFixture fixture("name,cat,dog,age,is_valid\na.jpg,1,0,7,0\nc.jpg,0,0,1,1\nsub/b.jpg,1,1,0,0\n");
  for (const std::vector<std::string>& chosen : {std::vector<std::string>{"*"}, {"cat", "dog"}, {"c*", "d*"}}) {
    const Labeller labeller = fixture.table({.one_hot = chosen}).labels();
    EXPECT_EQ(labeller.task, Task::kMultiLabel);
    EXPECT_EQ(labeller.label("sub/b.jpg"), (Labels{"cat", "dog"}));
    EXPECT_EQ(labeller.label("c.jpg"), Labels{});
  }
  const std::string message = thrown_message<core::FormatError>([&] {
    (void)fixture.table({.one_hot = {"cat", "age"}});
  });
  EXPECT_NE(message.find("line 2, column 'age': '7' is neither 0 nor 1"), std::string::npos) << message;
  EXPECT_NE(
      thrown_message<core::DataError>([&] { (void)fixture.table({.one_hot = {"dgo"}}); }).find("did you mean 'dog'?"),
      std::string::npos);
}

TEST(LabelTable, ReadsTabsAndJsonLines) {
  const TableFixture tabs("name\tlabel\na.jpg\tcat, small\n");
  EXPECT_EQ(tabs.table().labels().label("a.jpg"), Labels{"cat, small"});
  const TableFixture lines(
      "{\"name\": \"a.jpg\", \"labels\": [\"cat\", \"dog\"], \"is_valid\": true}\n\n"
      "{\"labels\": [], \"name\": \"sub/b.jpg\"}\n{\"name\": \"c.jpg\", \"labels\": [\"7\"], \"is_valid\": 0}\n");
  const Labeller labeller = lines.table().labels();
  EXPECT_EQ(labeller.task, Task::kMultiLabel);
  EXPECT_EQ(labeller.label("a.jpg"), (Labels{"cat", "dog"}));
  EXPECT_EQ(labeller.label("sub/b.jpg"), Labels{});
  EXPECT_EQ(lines.table().split()(lines.items()).valid, (std::vector<std::size_t>{0}));
  EXPECT_NE(thrown_message<core::FormatError>([] {
              (void)TableFixture(R"({"name": "a.jpg", "label": "x", "name": "b.jpg"})").table();
            }).find("line 1: two values are called 'name'"),
            std::string::npos);
  EXPECT_NE(thrown_message<core::FormatError>([] {
              (void)TableFixture("{\"name\": \"a\"}\n{\"name\"").table();
            }).find("line 2: no JSON object"),
            std::string::npos);
}

TEST(LabelTable, FindsImagesBesideTheTableWhenTheFolderHasNone) {
  const TableFixture fixture("name,label\nextra/d.jpg,dog\nextra/e,cat\n");
  write(fixture.folder / "extra/d.jpg", "x");
  write(fixture.folder / "extra/e.png", "x");
  const PathList items = fixture.table().items();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[1], fixture.folder / "extra/e.png");
  EXPECT_EQ(fixture.table().labels().label(items.text(0)), Labels{"dog"});
}

TEST(LabelTable, NeverMixesImagesOfTwoFolders) {
  const TableFixture fixture("name,label\na.jpg,cat\nextra/d.jpg,dog\n");
  write(fixture.folder / "extra/d.jpg", "x");
  EXPECT_NE(thrown_message<core::DataError>([&] { (void)fixture.table().items(); }).find("'extra/d.jpg'"),
            std::string::npos);
}

TEST(LabelTable, RefusesTwoNamesOfOneImage) {
  const TableFixture fixture("name,label\na,cat\na.jpg,dog\n");
  EXPECT_NE(thrown_message<core::DataError>([&] { (void)fixture.table().items(); }).find("lines 2 and 3 both mean"),
            std::string::npos);
}

TEST(LabelTable, FindsMissingExtensions) {
  const TableFixture fixture("name,label\na,cat\nsub/b,dog\n../pics/c.jpg,cat\n");
  const LabelTable table = fixture.table();
  const PathList items = table.items();
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[1], fixture.folder / "pics/sub/b.jpg");
  const Labeller labeller = table.labels();
  EXPECT_EQ(labeller.label(items.text(1)), Labels{"dog"});
  EXPECT_EQ(labeller.label(items.text(2)), Labels{"cat"});
  write(fixture.folder / "pics/a.png", "x");
  EXPECT_NE(thrown_message<core::DataError>([&] { (void)table.items(); }).find("several images have this name"),
            std::string::npos);
}

TEST(LabelTable, LeavesTestRowsOutAndSaysSo) {
  const TableFixture fixture("name,label,split\na.jpg,cat,train\nsub/b.jpg,dog,valid\nghost.jpg,,test\n");
  const LabelTable table = fixture.table();
  EXPECT_EQ(table.items().size(), 2U);
  EXPECT_EQ(table.labels().label("ghost.jpg"), std::nullopt);
  ASSERT_EQ(table.warnings().size(), 1U);
  EXPECT_NE(table.warnings()[0].find("1 of the 3 rows"), std::string::npos);
}

TEST(LabelTable, DropsBlanksAfterCommasAndAtTheEndsOfNamesAndHeaders) {
  const TableFixture fixture(" name, label \na.jpg, cat\nsub/b.jpg , cat \n c.jpg,\tdog\n");
  EXPECT_EQ(fixture.table().items().size(), 3U);
  EXPECT_EQ(fixture.table().labels().label("sub/b.jpg"), Labels{"cat"});
  EXPECT_EQ(fixture.table().labels().label("c.jpg"), Labels{"dog"});
  const TableFixture delimited("name,label\na.jpg,cat; dog ;;cat\n");
  EXPECT_EQ(delimited.table({.delimiter = ";"}).labels().label("a.jpg"), (Labels{"cat", "dog"}));
}

TEST(LabelTable, AsksWhichOfTwoFittingColumnsCounts) {
  const auto problem = [](const std::string& text) {
    return thrown_message<core::DataError>([&] {
      const LabelTable table = TableFixture(text).table();
      (void)table.labels();
      (void)table.has_split();
    });
  };
  EXPECT_NE(
      problem("filename,name,label\na.jpg,Ada,cat\n")
          .find("both columns 'filename' and 'name' may hold the names of the images; say which with `name_column`"),
      std::string::npos);
  EXPECT_NE(problem("filename,label,class\na.jpg,3,cat\n")
                .find("both columns 'label' and 'class' may hold the labels; say which with `label_column`"),
            std::string::npos);
  EXPECT_NE(problem("name,label,is_valid,split\na.jpg,cat,0,train\n")
                .find("both columns 'is_valid' and 'split' may hold the split; say which with `valid_column`"),
            std::string::npos);
  EXPECT_NE(problem("name,Label,label,Class\na.jpg,1,2,3\n")
                .find("the columns 'Label', 'label' and 'Class' may hold the labels"),
            std::string::npos);
  const TableFixture two("filename,name,label,class\na.jpg,Ada,3,cat\n");
  EXPECT_EQ(two.table({.name = "filename", .label = "class"}).labels().label("a.jpg"), Labels{"cat"});
}

TEST(LabelTable, JoinsTheLabelsOfRowsThatRepeatAnImageWhereSeveralAreMeant) {
  const TableFixture fixture("name,label,is_valid\na.jpg,cat,0\nc.jpg,dog,1\na.jpg,dog,0\n");
  const LabelTable table = fixture.table({.delimiter = ";"});
  EXPECT_EQ(table.items().size(), 2U);
  EXPECT_EQ(table.labels().label("a.jpg"), (Labels{"cat", "dog"}));
  EXPECT_EQ(table.labels().label("c.jpg"), Labels{"dog"});
  ASSERT_EQ(table.warnings().size(), 1U);
  EXPECT_NE(table.warnings()[0].find("1 row repeats an image with another label: 'line 4: a.jpg, first on line 2'; the "
                                     "labels of all its rows count"),
            std::string::npos)
      << table.warnings()[0];
  Items items;
  for (const auto& path : table.items()) items.add(path.native(), {"x"});
  EXPECT_EQ(table.split()(items).valid, std::vector<std::size_t>{1});
}

TEST(LabelTable, CountsAnImageOnceWhoseRowIsRepeated) {
  const TableFixture fixture("name,label,who\na.jpg,cat,Ada\na.jpg,cat,Ada\nc.jpg,dog,Bob\n");
  const LabelTable table = fixture.table({.group = "who"});
  EXPECT_EQ(table.items().size(), 2U);
  EXPECT_EQ(table.labels().label("a.jpg"), Labels{"cat"});
  EXPECT_EQ(table.groups().label("c.jpg"), Labels{"Bob"});
  ASSERT_EQ(table.warnings().size(), 1U);
  EXPECT_NE(table.warnings()[0].find("1 row repeats an image and its labels, so each image counts once"),
            std::string::npos)
      << table.warnings()[0];
}

TEST(LabelTable, RefusesAnImageInTwoPartsOrGroups) {
  EXPECT_NE(thrown_message<core::FormatError>([] {
              (void)TableFixture("name,split\na.jpg,train\na.jpg,valid\n").table().split();
            }).find("line 3, column 'split': a.jpg is in another part here than on line 2"),
            std::string::npos);
  EXPECT_NE(thrown_message<core::DataError>([] {
              (void)TableFixture("name,who\na.jpg,Ada\na.jpg,Bob\n").table({.group = "who"});
            }).find("line 3, column 'who': a.jpg is in another group than on line 2"),
            std::string::npos);
}

TEST(LabelTable, KnowsTheWordsOfASplitInAnyCase) {
  const auto splits = [](const std::string& train, const std::string& valid, const std::string& test) {
    const TableFixture fixture("name,split\na.jpg," + train + "\nsub/b.jpg," + valid + "\nc.jpg," + test + "\n");
    const Split split = fixture.table().split()(fixture.items());
    return split.train == std::vector<std::size_t>{0} && split.valid == std::vector<std::size_t>{2};
  };
  EXPECT_TRUE(splits("Training", "Validation", "Test"));
  EXPECT_TRUE(splits("TRAIN", "VAL", "TESTING"));
  EXPECT_TRUE(splits("train", "dev", "eval"));
  const auto truth = [](const std::string& no, const std::string& yes) {
    const TableFixture fixture("name,is_valid\na.jpg," + no + "\nsub/b.jpg," + yes + "\nc.jpg," + no + "\n");
    return fixture.table().split()(fixture.items()).valid == std::vector<std::size_t>{2};
  };
  EXPECT_TRUE(truth("False", "True"));
  EXPECT_TRUE(truth("NO", "yes"));
  EXPECT_TRUE(truth("n", "Y"));
  EXPECT_TRUE(truth("0", "1"));
  EXPECT_TRUE(truth("", "1.0"));
}

TEST(LabelTable, FindsImagesOfTablesMadeOnWindows) {
  const TableFixture fixture("name,label\n.\\a.jpg,cat\nsub\\b,dog\n");
  const LabelTable table = fixture.table();
  const PathList items = table.items();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[1], fixture.folder / "pics/sub/b.jpg");
  EXPECT_EQ(table.labels().label(items.text(0)), Labels{"cat"});
  EXPECT_EQ(table.labels().label(items.text(1)), Labels{"dog"});
  EXPECT_NE(thrown_message<core::DataError>([] {
              (void)TableFixture("name,label\nC:\\data\\a.jpg,cat\n").table().items();
            }).find("'C:\\data\\a.jpg' is a path of Windows: write the names relative to the images' folder"),
            std::string::npos);
}

TEST(LabelTable, PrefersTheFileWhoseNameHoldsTheBackslash) {
  const TableFixture fixture("name,label\nsub\\b.jpg,dog\n");
  write(fixture.folder / "pics/sub\\b.jpg", "x");
  EXPECT_EQ(fixture.table().items()[0], fixture.folder / "pics/sub\\b.jpg");
}

TEST(LabelTable, FindsNamesInTheOtherFormOfUnicode) {
  const TableFixture fixture("name,label\nCaf\u00E9/Z\u00FCrich.jpg,caf\u00E9\nCafe\u0301/e\u0301.jpg,dog\n");
  write(fixture.folder / "pics/Cafe\u0301/Zu\u0308rich.jpg", "x");
  write(fixture.folder / "pics/Cafe\u0301/\u00E9.jpg", "x");
  const LabelTable table = fixture.table();
  const PathList items = table.items();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0], fixture.folder / "pics/Cafe\u0301/Zu\u0308rich.jpg") << "as the disk spells it";
  EXPECT_EQ(table.labels().label(items.text(0)), Labels{"caf\u00E9"});
  EXPECT_EQ(table.labels().label(items.text(1)), Labels{"dog"});
}

TEST(LabelTable, TellsFilesApartThatDifferOnlyInUnicodesForm) {
  const TableFixture fixture("name,label\ne\u0301.jpg,cat\n\u00E9.jpg,dog\n");
  write(fixture.folder / "pics/e\u0301.jpg", "x");
  write(fixture.folder / "pics/\u00E9.jpg", "x");
  const PathList items = fixture.table().items();
  EXPECT_EQ(fixture.table().labels().label(items.text(0)), Labels{"cat"});
  EXPECT_EQ(fixture.table().labels().label(items.text(1)), Labels{"dog"});
}

TEST(LabelTable, OpensFilesByTheBytesOfNamesThatAreNotUtf8) {
  const TableFixture fixture("name,label\ncaf\xE9.jpg,cat\n");
  write(fixture.folder / "pics/caf\xE9.jpg", "x");
  EXPECT_EQ(fixture.table().items().size(), 1U);
  std::filesystem::remove(fixture.folder / "pics/caf\xE9.jpg");
  EXPECT_NE(thrown_message<core::DataError>([&] {
              (void)fixture.table().items();
            }).find("the byte E9 ('é' in Windows-1252) is not UTF-8"),
            std::string::npos);
  EXPECT_NE(thrown_message<core::FormatError>([] {
              (void)TableFixture("name,label\na.jpg,caf\xE9\n").table();
            }).find("line 2, column 'label': the byte E9"),
            std::string::npos);
  EXPECT_NE(thrown_message<core::FormatError>([] {
              (void)TableFixture("name,cat\xE9gorie\na.jpg,x\n").table();
            }).find("line 1: the byte E9"),
            std::string::npos);
}

TEST(LabelTable, StaysBriefAboutLongCellsAndManyColumns) {
  const std::string cell(1'000'000, 'x');
  EXPECT_LT(thrown_message<core::FormatError>([&] {
              (void)TableFixture("name,split\na.jpg," + cell + "\n").table().split();
            }).size(),
            500U);
  std::string header;
  for (int i = 0; i < 1000; ++i) header += "column" + std::to_string(i) + ",";
  const std::string problem = thrown_message<core::DataError>(
      [&] { (void)TableFixture(header + cell + "\n" + std::string(1000, ',') + "x\n").table(); });
  EXPECT_NE(problem.find("column19 and 981 more"), std::string::npos) << problem.substr(0, 500);
}

TEST(LabelTable, ReadsTheEncodingsOfSpreadsheets) {
  std::string utf16 = "\xFF\xFE";
  for (const char c : std::string("name\tlabel\r\na.jpg\tcat\r\n")) utf16 += {c, '\0'};
  EXPECT_EQ(TableFixture(utf16).table().labels().label("a.jpg"), Labels{"cat"}) << "Excel's Unicode text";
  EXPECT_EQ(TableFixture("name;label\ra.jpg;cat, small\r").table().labels().label("a.jpg"), Labels{"cat, small"});
  EXPECT_EQ(TableFixture(",,\nname,label,\na.jpg,cat,\n,,\n").table().labels().label("a.jpg"), Labels{"cat"})
      << "rows of empty cells";
}

TEST(LabelTable, SuggestsTheFileThatDiffersInCase) {
  EXPECT_NE(thrown_message<core::DataError>([] {
              (void)TableFixture("name,label\nA.JPG,cat\n").table().items();
            }).find("did you mean 'a.jpg'?"),
            std::string::npos);
  EXPECT_NE(thrown_message<core::DataError>([] {
              (void)TableFixture("name,label\nSUB/b.jpg,cat\n").table().items();
            }).find("holds no 'SUB'; did you mean 'sub'?"),
            std::string::npos);
}

TEST(LabelTable, DoesNotGuessWhichOfTwoColumnsSplits) {
  const TableFixture fixture("name,label,split,subset\na.jpg,cat,train,valid\nsub/b.jpg,dog,valid,train\n");
  EXPECT_NE(thrown_message<core::DataError>([&] {
              (void)fixture.table().has_split();
            }).find("both columns 'split' and 'subset' may hold the split; say which with `valid_column`"),
            std::string::npos);
  EXPECT_TRUE(fixture.table({.is_valid = "subset"}).has_split());
}

TEST(LabelTable, KeepsGapsForACheck) {
  const TableFixture fixture("name,label\na.jpg,cat\nghost.jpg,dog\nc.jpg,\n");
  const LabelTable table = fixture.table();
  EXPECT_THROW((void)table.items(), core::DataError);
  EXPECT_THROW((void)table.labels(), core::DataError);
  const PathList items = table.items(Gaps::kKeep);
  ASSERT_EQ(items.size(), 3);
  EXPECT_EQ(items[1], fixture.folder / "pics/ghost.jpg");
  EXPECT_EQ(table.labels(Gaps::kKeep).label(items.text(1)), Labels{"dog"});
  EXPECT_EQ(table.labels(Gaps::kKeep).label(items.text(2)), std::nullopt);
}

TEST(LabelTable, GroupsByAColumn) {
  const TableFixture fixture("name,label,patient\na.jpg,cat,7\nsub/b.jpg,dog,7\nc.jpg,cat,\n");
  const Labeller groups = fixture.table({.group = "patient"}).groups();
  EXPECT_EQ(groups.label("a.jpg"), Labels{"7"});
  EXPECT_EQ(groups.label("sub/b.jpg"), Labels{"7"});
  EXPECT_EQ(groups.label("c.jpg"), std::nullopt);
  EXPECT_NE(thrown_message<core::DataError>([&] {
              (void)fixture.table({.group = "patiant"});
            }).find("no column 'patiant' among name, label, patient; did you mean 'patient'?"),
            std::string::npos);
  EXPECT_THROW((void)fixture.table().groups(), std::invalid_argument);
}

TEST(LabelTable, TakesNamesFromTheRootOfTheFileSystemWhateverTheFolderIsCalled) {
  const TemporaryFolder folder;
  for (const char* name : {"pics/a.jpg", "pics/c.jpg"}) write(folder / name, "x");
  write(folder / "t.csv",
        "name,is_valid\n" + (folder / "pics/a.jpg").string() + ",0\n" + (folder / "pics/c.jpg").string() + ",1\n");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  Items items;
  for (const auto& path : image_files("pics")) items.add(path.native(), {"x"});
  const Split split = LabelTable::read("t.csv", "pics").split()(items);
  std::filesystem::current_path(before);
  EXPECT_EQ(split.valid, (std::vector<std::size_t>{1}));
}

TEST(LabelTable, NeedsNoClassesInRowsThatSayTest) {
  const TableFixture fixture("name,cat,dog,split\na.jpg,1,0,train\nsub/b.jpg,0,1,valid\nghost.jpg,,,test\n");
  for (const std::vector<std::string>& chosen : {std::vector<std::string>{"*"}, {"cat", "dog"}}) {
    EXPECT_EQ(fixture.table({.one_hot = chosen}).labels().label("sub/b.jpg"), Labels{"dog"});
  }
}

TEST(LabelTable, SaysWhatIsWrongWithOtherProgramsTables) {
  const auto problem = [](const std::string& text) {
    return thrown_message<core::DataError>([&] { (void)TableFixture(text).table(); });
  };
  EXPECT_NE(problem("[{\"name\": \"a.jpg\", \"label\": \"x\"}]").find("one JSON array; expected JSON lines"),
            std::string::npos);
  EXPECT_NE(problem("name,label,,\na.jpg,cat,,7\n").find("'7' stands in column 4, which has no name"),
            std::string::npos);
  EXPECT_EQ(TableFixture("name,label,,\na.jpg,cat,,\n").table().labels().label("a.jpg"), Labels{"cat"})
      << "what spreadsheets leave at the ends of lines";
}

TEST(LabelTable, RefusesANameThatTwoImagesHave) {
  const TableFixture fixture("name,is_valid\na.jpg,0\nb.jpg,0\nc.jpg,1\n");
  write(fixture.folder / "pics/other/b.jpg", "x");
  EXPECT_NE(thrown_message<core::DataError>([&] { (void)fixture.table().split()(fixture.items()); }).find("names both"),
            std::string::npos);
}

TEST(LabelTable, APathIsNotTakenForTheFileNameOfAnotherImage) {
  const TableFixture fixture("name,is_valid\na.jpg,0\nsub/b.jpg,0\nc.jpg,1\n");
  write(fixture.folder / "pics/sub/a.jpg", "x");
  EXPECT_NE(thrown_message<core::DataError>([&] {
              (void)fixture.table().split()(fixture.items());
            }).find("1 image is not in this table: 'sub/a.jpg'"),
            std::string::npos);
  LeftOut left_out;
  EXPECT_EQ(fixture.table().items(Gaps::kRefuse, left_out).size(), 3U);
  EXPECT_EQ(left_out.count(LeftOutKind::kUnlistedImage), 1U) << "pics/sub/a.jpg";
}

TEST(LabelTable, FindsFileNamesAnywhereBelowTheFolder) {
  const TableFixture fixture("name,label\nx1.jpg,cat\nx2,dog\n");
  write(fixture.folder / "pics/p/x1.jpg", "x");
  write(fixture.folder / "pics/q/r/x2.jpg", "x");
  LeftOut left_out;
  const PathList found = fixture.table().items(Gaps::kRefuse, left_out);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.text(0), (fixture.folder / "pics/p/x1.jpg").native());
  EXPECT_EQ(found.text(1), (fixture.folder / "pics/q/r/x2.jpg").native());
  EXPECT_EQ(fixture.table().labels().label(std::string(found.text(1))), Labels{"dog"});
  write(fixture.folder / "pics/q/x1.jpg", "x");
  EXPECT_NE(thrown_message<core::DataError>([&] { (void)fixture.table().items(); }).find("'x1.jpg' names both"),
            std::string::npos);
}

TEST(LabelTable, SuggestsTheFileThatAMissingOneMayBe) {
  const TableFixture fixture("name,label\nsub/bb.jpg,x\n");
  EXPECT_NE(thrown_message<core::DataError>([&] { (void)fixture.table().items(); }).find("did you mean 'b.jpg'?"),
            std::string::npos);
}

}  // namespace

}  // namespace margay::data
