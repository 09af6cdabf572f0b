#include "margay/model/weights/zip_directory.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "margay/core/error.h"
#include "tests/support/thrown_message.h"
#include "tests/support/torch_writer.h"

namespace margay::model {
namespace {

using testing_support::little_endian;
using testing_support::thrown_message;
using testing_support::zip_of;

std::vector<ZipEntry> read_zip(const std::string& bytes) {
  return read_zip_directory(std::as_bytes(std::span(bytes)), "x.zip");
}

std::string zip_refusal(const std::string& bytes) {
  return thrown_message<core::FormatError>([&] { read_zip(bytes); });
}

const std::string& two_files() {
  static const std::string zip = zip_of({{"a", "first"}, {"b/c", ""}});
  return zip;
}

/// With other bytes at the place of those that `pattern` finds last.
std::string with(std::string zip, const std::string& pattern, std::size_t offset, const std::string& bytes) {
  return zip.replace(zip.rfind(pattern) + offset, bytes.size(), bytes);
}

TEST(ZipDirectory, FindsWhereFilesLie) {
  const auto entries = read_zip(two_files());
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(two_files().substr(entries[0].begin, entries[0].end - entries[0].begin), "first");
  EXPECT_EQ(entries[1].name, "b/c");
  EXPECT_EQ(entries[1].begin, entries[1].end);
  EXPECT_TRUE(read_zip(zip_of({})).empty());
}

TEST(ZipDirectory, ReadsACommentAtTheEnd) {
  EXPECT_EQ(read_zip(with(two_files(), "PK\x05\x06", 20, little_endian(5, 2)) + "hello").size(), 2U);
}

TEST(ZipDirectory, ReadsNumbersOfEightBytes) {
  const std::string wide =
      little_endian(1, 2) + little_endian(24, 2) + little_endian(5, 8) + little_endian(5, 8) + little_endian(0, 8);
  const std::string narrow = little_endian(~std::uint64_t{0}, 4);
  const std::string local = "PK\x03\x04" + std::string(22, '\0') + little_endian(1, 2) + little_endian(0, 2) + "afirst";
  const std::string central = "PK\x01\x02" + std::string(16, '\0') + narrow + narrow + little_endian(1, 2) +
                              little_endian(wide.size(), 2) + std::string(10, '\0') + narrow + "a" + wide;
  const std::string end64 = "PK\x06\x06" + std::string(28, '\0') + little_endian(1, 8) +
                            little_endian(central.size(), 8) + little_endian(local.size(), 8);
  const std::string locator =
      "PK\x06\x07" + little_endian(0, 4) + little_endian(local.size() + central.size(), 8) + little_endian(1, 4);
  const std::string end = "PK\x05\x06" + std::string(4, '\0') + std::string(12, '\xff') + little_endian(0, 2);
  const auto entries = read_zip(local + central + end64 + locator + end);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].end - entries[0].begin, 5U);
}

TEST(ZipDirectory, RefusesEntriesThatShareBytes) {
  const std::string shared = with(zip_of({{"a", "first"}, {"b", "other"}}), "PK\x01\x02", 42, little_endian(0, 4));
  EXPECT_NE(zip_refusal(shared).find("two entries share the bytes from 31 on"), std::string::npos)
      << zip_refusal(shared);
}

TEST(ZipDirectory, NamesWhatItDoesNotRead) {
  EXPECT_EQ(read_zip(with(two_files(), "PK\x01\x02", 10, "\x08")).back().method, 8);
  EXPECT_NE(zip_refusal(with(two_files(), "PK\x01\x02", 8, "\x01")).find("'b/c' is encrypted"), std::string::npos);
  EXPECT_NE(zip_refusal(zip_of({{"a", ""}, {"a", ""}})).find("'a' is there twice"), std::string::npos);
  EXPECT_NE(zip_refusal("PK\x03\x04" + std::string(100, 'x')).find("cut short"), std::string::npos);
}

TEST(ZipDirectory, DoesNotBelieveNumbers) {
  const std::string huge(4, '\xfe');
  EXPECT_NE(zip_refusal(with(two_files(), "PK\x01\x02", 42, huge)), "");  // where the entry is
  EXPECT_NE(zip_refusal(with(with(two_files(), "PK\x01\x02", 20, huge), "PK\x01\x02", 24, huge)), "");
  EXPECT_NE(zip_refusal(with(two_files(), "PK\x01\x02", 24, huge)), "");
  EXPECT_NE(zip_refusal(with(two_files(), "PK\x01\x02", 28, huge)), "");
  EXPECT_NE(zip_refusal(with(two_files(), "PK\x05\x06", 10, huge.substr(0, 2))), "");  // how many entries
  EXPECT_NE(zip_refusal(with(two_files(), "PK\x05\x06", 12, huge)), "");
  EXPECT_NE(zip_refusal(with(two_files(), "PK\x05\x06", 16, huge)), "");
  EXPECT_NE(zip_refusal(with(two_files(), "PK\x03\x04", 0, "PK\x03\x05")), "");
}

TEST(ZipDirectory, CutAnywhereIsRefused) {
  for (std::size_t length = 0; length < two_files().size(); ++length) {
    EXPECT_THROW(read_zip(two_files().substr(0, length)), core::FormatError) << length;
  }
}

RC_GTEST_PROP(ZipDirectoryProperty, AnyChangeIsReadWithinTheFileOrRefused, (std::uint16_t place, std::uint32_t bytes)) {
  const std::size_t at = place % (two_files().size() - 4);
  const std::string zip = std::string(two_files()).replace(at, 4, little_endian(bytes, 4));
  try {
    for (const ZipEntry& each : read_zip(zip)) RC_ASSERT(each.begin <= each.end && each.end <= zip.size());
  } catch (const core::FormatError&) {
  }
}

}  // namespace
}  // namespace margay::model
