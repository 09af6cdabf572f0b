#include <initializer_list>
#include <string>

#include <gtest/gtest.h>

#include "margay/core/protobuf_writer.h"

namespace margay::core {
namespace {

std::string wire_bytes(std::initializer_list<int> values) {
  std::string all;
  for (const int value : values) all.push_back(static_cast<char>(value));
  return all;
}

TEST(ProtobufMessage, WritesTheExamplesOfTheEncodingsGuide) {
  EXPECT_EQ(ProtobufMessage().add_integer(1, 150).bytes(), wire_bytes({0x08, 0x96, 0x01}));
  EXPECT_EQ(ProtobufMessage().add_bytes(2, "testing").bytes(), wire_bytes({0x12, 0x07}) + "testing");
  EXPECT_EQ(ProtobufMessage().add_message(3, ProtobufMessage().add_integer(1, 150)).bytes(),
            wire_bytes({0x1A, 0x03, 0x08, 0x96, 0x01}));
}

TEST(ProtobufMessage, WritesNegativeIntegersInTenBytes) {
  EXPECT_EQ(ProtobufMessage().add_integer(1, -2).bytes(),
            wire_bytes({0x08, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}));
}

TEST(ProtobufMessage, WritesFloatsWithTheLowestByteFirst) {
  EXPECT_EQ(ProtobufMessage().add_float(2, 1.5F).bytes(), wire_bytes({0x15, 0, 0, 0xC0, 0x3F}));
  EXPECT_EQ(ProtobufMessage().add_double(1, 1.5).bytes(), wire_bytes({0x09, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F}));
}

TEST(ProtobufMessage, NumbersFieldsBeyondFifteenInTwoBytes) {
  EXPECT_EQ(ProtobufMessage().add_integer(16, 0).bytes(), wire_bytes({0x80, 0x01, 0x00}));
}

TEST(ProtobufMessage, LeavesLargeBytesToTheCaller) {
  const std::string large(300, 'x');
  EXPECT_EQ(ProtobufMessage().begin_bytes(9, large.size()).bytes() + large,
            ProtobufMessage().add_bytes(9, large).bytes());
}

}  // namespace
}  // namespace margay::core
