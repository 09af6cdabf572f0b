#include "margay/train/log/wire_message.h"

#include <string>

#include <gtest/gtest.h>

namespace margay::train {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string all;
  for (const int value : values) all.push_back(static_cast<char>(value));
  return all;
}

TEST(WireMessage, WritesTheExamplesOfTheEncodingsGuide) {
  EXPECT_EQ(WireMessage().add_integer(1, 150).bytes(), bytes({0x08, 0x96, 0x01}));
  EXPECT_EQ(WireMessage().add_bytes(2, "testing").bytes(), bytes({0x12, 0x07}) + "testing");
  EXPECT_EQ(WireMessage().add_message(3, WireMessage().add_integer(1, 150)).bytes(),
            bytes({0x1A, 0x03, 0x08, 0x96, 0x01}));
}

TEST(WireMessage, WritesNegativeIntegersInTenBytes) {
  EXPECT_EQ(WireMessage().add_integer(1, -2).bytes(),
            bytes({0x08, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}));
}

TEST(WireMessage, WritesFloatsWithTheLowestByteFirst) {
  EXPECT_EQ(WireMessage().add_float(2, 1.5F).bytes(), bytes({0x15, 0, 0, 0xC0, 0x3F}));
  EXPECT_EQ(WireMessage().add_double(1, 1.5).bytes(), bytes({0x09, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F}));
}

TEST(WireMessage, NumbersFieldsBeyondFifteenInTwoBytes) {
  EXPECT_EQ(WireMessage().add_integer(16, 0).bytes(), bytes({0x80, 0x01, 0x00}));
}

}  // namespace
}  // namespace margay::train
