#include "margay/train/log/crc32c.h"

#include <string>

#include <gtest/gtest.h>

namespace margay::train {
namespace {

TEST(Crc32c, GivesThePublishedValues) {  // RFC 3720, appendix B.4, and the check value of the catalogues
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  EXPECT_EQ(crc32c(ascending), 0x46DD794EU);
}

}  // namespace
}  // namespace margay::train
