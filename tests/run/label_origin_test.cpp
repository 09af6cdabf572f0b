#include "margay/run/label_origin.h"

#include <fstream>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/tiny_images.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

TEST(LabelOrigin, IsTheNameOfTheFolder) {
  const LabelOrigin one = label_origin("pets/cat/1.jpg", {}, "");
  EXPECT_EQ(one.labels, data::Labels{"cat"});
  EXPECT_EQ(one.words, "The label is the name of the folder that holds the image: 'cat'.");
  const LabelOrigin two = label_origin("pets/cat/1.jpg", {.label_folder = 2}, "");
  EXPECT_EQ(two.labels, data::Labels{"pets"});
  EXPECT_EQ(two.words, "The label is the name of the folder 2 levels above the image: 'pets'.");
}

TEST(LabelOrigin, IsTheFirstGroupOfAPatternInTheName) {
  const DataOptions options{.label_regex = R"((.+)_\d+\.jpg$)"};
  const LabelOrigin found = label_origin("images/great_pyrenees_12.jpg", options, "");
  EXPECT_EQ(found.labels, data::Labels{"great_pyrenees"});
  EXPECT_EQ(found.words, R"(The pattern '(.+)_\d+\.jpg$' finds 'great_pyrenees' in the name 'great_pyrenees_12.jpg'.)");
  const LabelOrigin none = label_origin("images/dog.png", options, "");
  EXPECT_EQ(none.labels, std::nullopt);
  EXPECT_EQ(none.words,
            R"(The pattern '(.+)_\d+\.jpg$' finds nothing in the name 'dog.png', so the image has no label.)");
}

TEST(LabelOrigin, NeedsTheFolderForAPatternOfThePath) {
  const DataOptions options{.label_path_regex = "^([^/]+)/images/"};
  EXPECT_EQ(label_origin("pets/cat/images/1.jpg", options, "pets").labels, data::Labels{"cat"});
  const LabelOrigin unknown = label_origin("pets/cat/images/1.jpg", options, "");
  EXPECT_EQ(unknown.labels, std::nullopt);
  EXPECT_NE(unknown.words.find("with `data`, or the label itself with `label`"), std::string::npos) << unknown.words;
}

class LabelOriginTable : public testing::Test {
 protected:
  LabelOriginTable() {
    testing_support::write_tiny_images(folder_ / "images", 2, 1);
    std::ofstream(folder_ / "labels.csv") << "name,label\ntrain/flat/0.png,level\ntrain/flat/1.png,level\n";
  }
  testing_support::TemporaryFolder folder_;
  fs::path images_ = folder_ / "images";
  DataOptions options_{.labels_csv = folder_ / "labels.csv"};
};

TEST_F(LabelOriginTable, SaysTheLabel) {
  const LabelOrigin listed = label_origin(images_ / "train" / "flat" / "1.png", options_, images_);
  EXPECT_EQ(listed.labels, data::Labels{"level"});
  EXPECT_NE(listed.words.find("labels.csv says it: 'level'."), std::string::npos) << listed.words;
  const LabelOrigin other = label_origin(images_ / "valid" / "flat" / "0.png", options_, images_);
  EXPECT_EQ(other.labels, std::nullopt);
  EXPECT_NE(other.words.find("does not list the image"), std::string::npos) << other.words;
}

TEST_F(LabelOriginTable, IsAskedForWithoutTheFolder) {
  const LabelOrigin unknown = label_origin(images_ / "train" / "flat" / "1.png", options_, "");
  EXPECT_EQ(unknown.labels, std::nullopt);
  EXPECT_NE(unknown.words.find("stands in a table"), std::string::npos) << unknown.words;
}

TEST_F(LabelOriginTable, ThatIsMissingIsAnError) {
  fs::remove(folder_ / "labels.csv");
  EXPECT_THROW(label_origin(images_ / "train" / "flat" / "1.png", options_, images_), core::DataError);
}

}  // namespace
}  // namespace margay::run
