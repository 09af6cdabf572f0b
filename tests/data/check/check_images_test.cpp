#include <gtest/gtest.h>

#include "margay/data/check/check_data.h"
#include "margay/data/check/report.h"
#include "margay/data/image/write_image.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/similar_classes.h"
#include "margay/data/source/splits.h"
#include "tests/support/image_samples.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

TEST(FoldedName, IgnoresCaseBlanksAndSeparators) {
  EXPECT_EQ(folded_name("Great_Pyrenees"), "great pyrenees");
  EXPECT_EQ(folded_name("  great  PYRENEES "), "great pyrenees");
  EXPECT_EQ(folded_name("great\xC2\xA0pyrenees\xE2\x80\x8B"), "great pyrenees");  // no-break space, no width
  EXPECT_EQ(folded_name("ЁЖ"), folded_name("ёж"));
  EXPECT_EQ(folded_name("ÄGÄIS"), "ägäis");
}

TEST(FoldedName, JoinsLettersAndTheirAccents) {
  EXPECT_EQ(folded_name("Cafe\u0301"), "café");
  EXPECT_EQ(folded_name("и\u0306од"), "йод");
}

TEST(FoldedName, KeepsWhatTellsNamesApart) {
  EXPECT_NE(folded_name("Bär"), folded_name("Bar"));
  EXPECT_NE(folded_name("12"), folded_name("1 2"));
  EXPECT_NE(folded_name("-1"), folded_name("1"));
  EXPECT_NE(folded_name("temp -1"), folded_name("temp 1"));
  EXPECT_NE(folded_name("c_"), folded_name("c"));
  EXPECT_EQ(folded_name("a--b"), folded_name("a b"));
  EXPECT_EQ(folded_name("柴犬"), "柴犬");
  EXPECT_EQ(folded_name("🐈"), "🐈");
}

TEST(FoldedName, LeavesWhatIsNoUtf8) { EXPECT_EQ(folded_name("A\xFF"), "A\xFF"); }

using testing_support::TemporaryFolder;

TEST(PixelLimit, OfACheckIsThatOfTrainingUnlessRaised) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "large.png";
  write_png(path, testing_support::noise_image(100, 100, 1));
  const DataBlock block = DataBlock().items({path}).label(folder_labels()).split(no_split());
  EXPECT_EQ(CheckOptions().max_pixels, ReadOptions().max_pixels);
  EXPECT_EQ(check_data(block, "").count(FindingKind::kUnreadable), 0U);
  EXPECT_EQ(check_data(block, "", {.max_pixels = 9'999}).count(FindingKind::kUnreadable), 1U);
  EXPECT_NE(std::string(words_of(FindingKind::kUnreadable).remedy).find("`max_pixels`"), std::string::npos);
}

TEST(PixelLimit, HoldsForTheContactSheetToo) {
  const TemporaryFolder folder;
  write_png(folder / "large.png", testing_support::noise_image(100, 100, 1));
  DataReport report;
  report.findings.push_back({FindingKind::kTooSmall, {folder / "large.png"}, {}, "small"});
  const ContactSheetOptions limited{.columns = 1, .tile_px = 64, .max_pixels = 9'999};
  EXPECT_NE(contact_sheet(report, limited).pixels, contact_sheet(report, {.columns = 1, .tile_px = 64}).pixels);
}

TEST(AbsentImages, AreFindingsByTheirPaths) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "gone.png";
  const DataBlock block = DataBlock().items({path}).label(folder_labels()).split(no_split());
  const DataReport report = check_data(block, "");
  ASSERT_EQ(report.count(FindingKind::kAbsent), 1U);
  EXPECT_EQ(report.findings[0].paths, std::vector<std::filesystem::path>{path});
}

}  // namespace

}  // namespace margay::data
