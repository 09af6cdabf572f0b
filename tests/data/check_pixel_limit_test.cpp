#include <gtest/gtest.h>

#include "margay/data/check/check_data.h"
#include "margay/data/check/contact_sheet.h"
#include "margay/data/image/write_image.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "tests/support/images.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

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
