#include "margay/core/checksum.h"

#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace margay::core {
namespace {

/// 1, 8, 15, …
std::vector<std::uint8_t> sevens(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(7 * i + 1);
  return bytes;
}

TEST(Checksum, IsXxh3Of64Bits) {
  EXPECT_EQ(checksum({}), 0x2d06800538d394c2U);  // xxHash's own test vector for no bytes and seed 0
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

}  // namespace
}  // namespace margay::core
