#include "margay/data/source/text_file.h"

#include <fstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include "margay/core/error.h"
#include "margay/core/unicode.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;

std::string refusal(const std::string& bytes) {
  return thrown_message<core::FormatError>([&] { (void)decode_text(bytes, "t.csv"); });
}

TEST(TextFile, ReadsAPipeToItsEnd) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::string rows = "name,label\n";
  for (int i = 0; i < 20'000; ++i) rows += "a.jpg,cat\n";
  const std::jthread writer([&] { std::ofstream(folder / "pipe", std::ios::binary) << rows; });
  EXPECT_EQ(read_text(folder / "pipe"), rows);
}

TEST(TextFile, ReadsAFileOfAnyLengthButNoFolder) {
  const TemporaryFolder folder;
  for (const std::string& text : {std::string(), std::string("a"), std::string(100'000, 'b')}) {
    testing_support::write(folder / "t.csv", text);
    EXPECT_EQ(read_text(folder / "t.csv"), text);
  }
  EXPECT_THROW((void)read_text(folder.path()), core::DataError);
}

TEST(TextFile, ReadsUtf8AndUtf16ByTheirMarks) {
  const std::string little("\xFF\xFE\xE9\0,\0\x3D\xD8\x08\xDC", 10);
  const std::string big("\xFE\xFF\0\xE9\0,\xD8\x3D\xDC\x08", 10);
  EXPECT_EQ(decode_text(little, "t.csv"), "é,🐈");
  EXPECT_EQ(decode_text(big, "t.csv"), "é,🐈");
  EXPECT_EQ(decode_text("\xEF\xBB\xBF"
                        "é",
                        "t.csv"),
            "é");
  EXPECT_EQ(decode_text("\xEF\xBB\xBF", "t.csv"), "");
}

TEST(TextFile, NamesTheLineAndTheRemedyOfOtherEncodings) {
  EXPECT_EQ(refusal("name,label\ncaf\xE9.jpg,cat\n"),
            "t.csv: line 2: the byte E9 ('é' in Windows-1252) is not UTF-8; save the file as UTF-8 ('CSV UTF-8' in a "
            "spreadsheet), or convert it with iconv -f WINDOWS-1252 -t UTF-8 t.csv");
  EXPECT_EQ(refusal("a\r\rb\x85"),
            "t.csv: line 3: the byte 85 is not UTF-8; save the file as UTF-8 ('CSV UTF-8' in a "
            "spreadsheet), or convert it with iconv -f WINDOWS-1252 -t UTF-8 t.csv");
  EXPECT_EQ(decode_text("caf\xE9", "t.csv", OtherBytes::kKeep), "caf\xE9") << "names of files may be any bytes";
}

TEST(TextFile, SaysWhatAFileIsThatIsNoText) {
  EXPECT_NE(refusal(std::string("n\0a\0m\0", 6))
                .find("line 1: a byte 0, which no text holds; it seems to be UTF-16 "
                      "without a byte order mark, so convert it with iconv -f UTF-16LE"),
            std::string::npos);
  EXPECT_NE(refusal(std::string("\0n\0a", 4)).find("UTF-16BE"), std::string::npos);
  EXPECT_NE(refusal(std::string("a\nb\0c", 5)).find("line 2: a byte 0, which no text holds; write the file again"),
            std::string::npos);
  EXPECT_NE(refusal("PK\x03\x04 and more").find("a spreadsheet (.xlsx, .ods)"), std::string::npos);
  EXPECT_NE(refusal("\xD0\xCF\x11\xE0").find("a spreadsheet (.xls)"), std::string::npos);
  EXPECT_NE(refusal("\x1F\x8B").find("gunzip"), std::string::npos);
  EXPECT_NE(refusal(std::string("\xFF\xFE\0\0a\0\0\0", 8)).find("UTF-32"), std::string::npos);
  EXPECT_NE(refusal(std::string("\xFF\xFE"
                                "a\0\n\0b",
                                7))
                .find("line 2: the UTF-16 breaks off"),
            std::string::npos);
  EXPECT_NE(refusal("\xFF\xFE\x08\xDC").find("the UTF-16 breaks off"), std::string::npos) << "the second half alone";
}

TEST(TextFile, TakesLinesByAllThreeEnds) {
  std::vector<std::string> lines;
  for_each_line("a\nb\r\nc\rd\n\n\re", [&](std::size_t number, std::string_view line) {
    EXPECT_EQ(number, lines.size() + 1);
    lines.emplace_back(line);
  });
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b", "c", "d", "", "", "e"}));
  for_each_line("", [](std::size_t, std::string_view) { FAIL() << "there is no line"; });
}

RC_GTEST_PROP(TextFileProperty, AnyBytesAreUtf8OrRefused, (const std::string& bytes)) {
  try {
    RC_ASSERT(!core::first_non_utf8(decode_text(bytes, "t.csv")));
  } catch (const core::FormatError&) {
    RC_SUCCEED("refused");
  }
}

}  // namespace
}  // namespace margay::data
