#include "margay/data/image/image_format.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace margay::data {
namespace {

using namespace std::string_literals;

std::vector<std::uint8_t> head_of(const std::string& text) { return {text.begin(), text.end()}; }

TEST(SniffFormat, TellsHeicAndAvifByTheirBrands) {
  const auto sniff = [](const std::string& head) { return sniff_format(head_of(head)); };
  for (const char* brand : {"heic", "heix", "hevc", "heim", "mif1", "msf1"}) {
    EXPECT_EQ(sniff("\0\0\0\x18"s + "ftyp" + brand), ImageFormat::kHeic) << brand;
  }
  for (const char* brand : {"avif", "avis"})
    EXPECT_EQ(sniff("\0\0\0\x18"s + "ftyp" + brand), ImageFormat::kAvif) << brand;
  EXPECT_EQ(sniff("\0\0\0\x18"s + "ftypmif1" + "\0\0\0\0"s + "miafavif"), ImageFormat::kAvif);
  for (const char* brand : {"isom", "mp42", "qt  ", "crx ", "M4V "}) {
    EXPECT_EQ(sniff("\0\0\0\x18"s + "ftyp" + brand), ImageFormat::kUnknown) << brand;
  }
}

TEST(UnreadImage, IsKnownByItsFirstBytes) {
  for (const std::string& head :
       {"\xFF\x0A..."s, "\0\0\0\x0CJXL \r\n"s, "\0\0\0\x0CjP  \r\n"s, "8BPS\0\1"s, "<svg xmlns="s,
        "\0\0\0\x18"s + "ftypcrx ", "FUJIFILMCCD-RAW 0201"s, "IIRO\x08"s, "\x76\x2F\x31\x01"s}) {
    EXPECT_TRUE(is_unread_image(head_of(head))) << head;
    EXPECT_EQ(sniff_format(head_of(head)), ImageFormat::kUnknown) << head;
  }
  for (const std::string& head : {""s, "text"s, "%PDF-1.7"s, "PK\3\4"s, "\0\0\0\x18"s + "ftypisom", "<!doctype html>"s,
                                  "\0\0\0\x18"s + "ftypheic", "\xFF\xD8\xFF\xE0"s}) {
    EXPECT_FALSE(is_unread_image(head_of(head))) << head;
  }
}

TEST(UnreadImage, IsKnownByItsExtensionInAnyCase) {
  for (const char* extension : {".jxl", ".JP2", ".svg", ".psd", ".NEF", ".cr2", ".CR3", ".dng", ".arw", ".tga"}) {
    EXPECT_TRUE(is_unread_extension(extension)) << extension;
  }
  for (const char* extension : {"", ".", ".jpg", ".heic", ".avif", ".txt", ".nefarious", "nef"}) {
    EXPECT_FALSE(is_unread_extension(extension)) << extension;
  }
}

}  // namespace
}  // namespace margay::data
