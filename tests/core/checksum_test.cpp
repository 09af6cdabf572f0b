#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"

namespace margay::core {
namespace {

/// 1, 8, 15, …
std::vector<std::uint8_t> sevens(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(7 * i + 1);
  return bytes;
}

TEST(Checksum, IsXxh3Of64Bits) {
  EXPECT_EQ(checksum(""), 0x2d06800538d394c2U);  // xxHash's own test vector for no bytes and seed 0
  const std::map<std::size_t, std::uint64_t> known = {
      {1, 0xe12ef9d2eb86ceeb},   {3, 0x5c83885a0fb5d516},   {16, 0x913bd4a8038027a7},   {100, 0x985c0aa35f523fe6},
      {240, 0x3c0bb96864e543a1}, {241, 0xbff7215089202d8f}, {1000, 0xb8b406a98622d913}, {5000, 0x882162ebfafc2c3f}};
  for (const auto& [size, sum] : known) EXPECT_EQ(checksum(sevens(size)), sum) << size;
}

TEST(Checksum, OfOldFilesStaysWhatItWas) {
  const std::map<std::size_t, std::uint64_t> known = {
      {0, 0xdaaa9ad1fca1a52e},  {1, 0xe5c6107216410fd5},  {3, 0x977679b139e4fd81},  {31, 0x34a8ac437f9302c5},
      {32, 0xa0b9c0818c83c56b}, {33, 0x4b9048c6156bb87e}, {64, 0x87f09cf269ff59e1}, {1000, 0x95e5f3f877d9c29e}};
  for (const auto& [size, sum] : known) EXPECT_EQ(checksum_before_xxh3(sevens(size)), sum) << size;
}

TEST(Checksum, ChangesWithEveryBitOfItsBytes) {
  std::vector<std::uint8_t> bytes = sevens(300);
  const std::uint64_t before = checksum(bytes);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1U << bit % 8);
    EXPECT_NE(checksum(bytes), before) << bit;
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1U << bit % 8);
  }
  EXPECT_EQ(checksum(bytes), before);
}

void add(Sha256& sum, const std::string& text) { sum.update(text); }

TEST(Sha256, GivesNistsExamples) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                      "mnopqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(sha256_of(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnTheParts) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i);
  for (const std::size_t length : {55U, 56U, 63U, 64U, 65U, 119U, 128U, 300U}) {
    for (const std::size_t part : {1U, 7U, 64U, 100U}) {
      Sha256 sum;
      for (std::size_t at = 0; at < length; at += part) add(sum, text.substr(at, std::min(part, length - at)));
      EXPECT_EQ(sum.finish(), sha256_of(text.substr(0, length))) << length << " in parts of " << part;
    }
  }
}

TEST(Sha256, BeginsAnewAndGivesItsFirstBytesAsANumber) {
  Sha256 sum;
  add(sum, "xyz");
  sum.restart();
  add(sum, "abc");
  EXPECT_EQ(sum.finish_short(), 0xba7816bf8f01cfeaULL);
  sum.restart();
  EXPECT_EQ(sum.finish(), sha256_of(""));
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const testing_support::TemporaryFolder folder;
  testing_support::write(folder / "x", "abc");
  EXPECT_EQ(sha256_of_file(folder / "x"), sha256_of("abc"));
  EXPECT_THROW(sha256_of_file(folder / "y"), DataError);
}

}  // namespace

}  // namespace margay::core
