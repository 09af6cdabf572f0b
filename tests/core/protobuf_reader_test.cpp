#include "margay/core/protobuf_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/protobuf_writer.h"
#include "margay/core/random.h"
#include "tests/support/thrown_message.h"

namespace margay::core {
namespace {

TEST(ProtobufReader, ReadsWhatTheWriterWrites) {
  const ProtobufMessage inner = ProtobufMessage().add_integer(3, -7);
  const std::string bytes = ProtobufMessage()
                                .add_integer(1, 300)
                                .add_float(2, 1.5F)
                                .add_double(3, -2.5)
                                .add_bytes(4, "text")
                                .add_message(5, inner)
                                .bytes();
  ProtobufReader reader(bytes);
  auto field = reader.next();
  EXPECT_EQ(field->number(), 1);
  EXPECT_EQ(field->integer(), 300);
  EXPECT_EQ(reader.next()->real(), 1.5F);
  EXPECT_EQ(reader.next()->double_real(), -2.5);
  EXPECT_EQ(reader.next()->text(), "text");
  ProtobufReader nested(reader.next()->bytes());
  EXPECT_EQ(nested.next()->integer(), -7);
  EXPECT_FALSE(nested.next());
  EXPECT_FALSE(reader.next());
}

TEST(ProtobufReader, ReadsRepeatedNumbersPackedOrNot) {
  std::vector<std::int64_t> integers;
  std::vector<float> reals;
  const std::string bytes = ProtobufMessage()
                                .add_integer(1, 5)
                                .add_bytes(1, std::string("\x07\xAC\x02", 3))
                                .add_float(2, 0.5F)
                                .add_bytes(2, std::string("\0\0\x80\x3F", 4))
                                .bytes();
  ProtobufReader reader(bytes);
  for (int i = 0; i < 2; ++i) reader.next()->append_to(integers);
  for (int i = 0; i < 2; ++i) reader.next()->append_to(reals);
  EXPECT_EQ(integers, (std::vector<std::int64_t>{5, 7, 300}));
  EXPECT_EQ(reals, (std::vector<float>{0.5F, 1}));
}

TEST(ProtobufReader, TakesNoMoreNumbersThanAreAllowed) {
  const std::string bytes = ProtobufMessage().add_bytes(1, std::string(100, '\x07')).bytes();
  std::vector<std::int64_t> integers = {1};
  EXPECT_THROW(ProtobufReader(bytes).next()->append_to(integers, 11), ProtobufError);
  EXPECT_EQ(integers.size(), 11U);
  std::vector<float> reals;
  EXPECT_THROW(ProtobufReader(bytes).next()->append_to(reals, 24), ProtobufError);
  EXPECT_NO_THROW(ProtobufReader(bytes).next()->append_to(integers, 111));
}

std::string protobuf_problem(const std::string& bytes) {
  return testing_support::thrown_message<ProtobufError>([&] {
    ProtobufReader reader(bytes);
    while (reader.next()) {
    }
  });
}

TEST(ProtobufReader, SaysWhatIsNoField) {
  EXPECT_NE(protobuf_problem("\x0A\x05"
                             "abc")
                .find("5 bytes are announced, 3 are there"),
            std::string::npos);
  EXPECT_NE(protobuf_problem(std::string("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 11)).find("more than 64 bits"),
            std::string::npos);
  EXPECT_NE(protobuf_problem("\x08").find("ends within"), std::string::npos);
  EXPECT_NE(protobuf_problem(std::string("\x00\x01", 2)).find("field 0"), std::string::npos);
  EXPECT_NE(protobuf_problem("\x0B").find("wire type 3"), std::string::npos);
}

TEST(ProtobufReader, RefusesFieldsOfAnotherType) {
  const std::string bytes = ProtobufMessage().add_integer(1, 1).add_bytes(2, "\xFF").bytes();
  ProtobufReader reader(bytes);
  const auto integer = reader.next();
  EXPECT_THROW(static_cast<void>(integer->bytes()), ProtobufError);
  EXPECT_THROW(static_cast<void>(integer->real()), ProtobufError);
  const auto text = reader.next();
  EXPECT_THROW(static_cast<void>(text->integer()), ProtobufError);
  EXPECT_THROW(static_cast<void>(text->text()), ProtobufError);
  EXPECT_EQ(text->bytes(), "\xFF");
}

TEST(ProtobufReader, ReadsAnyBytesToTheEndOrSaysWhyNot) {
  Random random{7};
  for (int i = 0; i < 5000; ++i) {
    std::string bytes(random.below(40), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    try {
      ProtobufReader reader(bytes);
      while (const auto field = reader.next()) EXPECT_GT(field->number(), 0);
    } catch (const ProtobufError&) {
    }
  }
}

}  // namespace
}  // namespace margay::core
