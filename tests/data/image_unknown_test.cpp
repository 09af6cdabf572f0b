#include <gtest/gtest.h>

#include "margay/data/image/image_format.h"

namespace margay::data {
namespace {

using namespace std::string_literals;

std::string describe(const std::string& head) {
  return describe_unknown(std::vector<std::uint8_t>(head.begin(), head.end()));
}

TEST(DescribeUnknown, NamesWhatPeopleKeepAmongTheirImages) {
  const auto refused = [](const std::string& name, const std::string& remedy) {
    return name + ", which Margay does not read; " + remedy;
  };
  const std::string convert = "convert it to JPEG or PNG";
  EXPECT_EQ(describe("\0\0\0\x18"s + "ftypheic"), refused("a HEIC image", convert));
  EXPECT_EQ(describe("\0\0\0\x1C"s + "ftypmif1"), refused("a HEIF image", convert));
  EXPECT_EQ(describe("\0\0\0\x1C"s + "ftypavif"), refused("an AVIF image", convert));
  EXPECT_EQ(describe("\0\0\0\x1C"s + "ftypisom"), refused("a video", "extract its images"));
  EXPECT_EQ(describe("\xFF\x0A..."), refused("a JPEG XL image", convert));
  EXPECT_EQ(describe("\0\0\0\x0CJXL \r\n"s), refused("a JPEG XL image", convert));
  EXPECT_EQ(describe("8BPS\0\1"s), refused("a Photoshop document", "export it as JPEG or PNG"));
  EXPECT_EQ(describe("%PDF-1.7"), refused("a PDF document", "export its pages as JPEG or PNG"));
  EXPECT_EQ(describe("PK\3\4"), refused("a zip archive", "unpack it"));
  EXPECT_EQ(describe("version https://git-lfs.github.com/spec/v1"), refused("a Git LFS pointer", "run 'git lfs pull'"));
}

TEST(DescribeUnknown, KnowsTextsBehindSpaceMarksAndCapitals) {
  for (const char* text : {"<!DOCTYPE html><p>", "<html>", "\n\n <HTML lang=en>", "\xEF\xBB\xBF<!doctype HTML>"}) {
    EXPECT_TRUE(describe(text).starts_with("an HTML page, which Margay does not read")) << text;
  }
  for (const char* text : {"<svg xmlns=", "<?xml version=\"1.0\"?>\n<!-- x -->\n<svg>"}) {
    EXPECT_TRUE(describe(text).starts_with("an SVG drawing")) << text;
  }
}

TEST(DescribeUnknown, ShowsTheFirstBytesOfTheRest) {
  EXPECT_EQ(describe("text and more"), "not an image: starts with \"text and\"");
  EXPECT_EQ(describe("\x01\x02\xFF"), "not an image: starts with 01 02 ff");
  EXPECT_EQ(describe("<?xml version=\"1.0\"?><rss>"), "not an image: starts with \"<?xml ve\"");
  EXPECT_TRUE(describe(std::string(16, '\0')).starts_with("not an image: only zeros"));
}

}  // namespace
}  // namespace margay::data
