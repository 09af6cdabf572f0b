#include "margay/export/tensor_message.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/core/random.h"
#include "tests/support/thrown_message.h"

namespace margay::exporting {
namespace {

using Bytes = std::vector<std::uint8_t>;

TensorMessage message_in(const Bytes& bytes, const MessageLimits& limits = {}) {
  std::size_t at = 0;
  const auto read = [&](std::span<std::uint8_t> to) {
    if (to.size() > bytes.size() - at) throw core::Error("the bytes end");
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), to.size(), to.begin());
    at += to.size();
  };
  TensorMessage message = read_message(read, limits);
  EXPECT_EQ(at, bytes.size());
  return message;
}

Bytes with_header(const std::string& header, std::size_t data_bytes = 0) {
  Bytes bytes(8, 0);
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(std::uint64_t{header.size()} >> (8 * i));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.resize(bytes.size() + data_bytes, 7);
  return bytes;
}

std::string problem_of(const Bytes& bytes, const MessageLimits& limits = {}) {
  return testing_support::thrown_message<core::Error>([&] { message_in(bytes, limits); });
}

TEST(TensorMessage, ComesBackAsItWent) {
  const std::vector<float> values = {1.5F, -2, 3e-30F, 4, 5, 6};
  TensorMessage sent{.notes = {{"name", "a runtime"}, {"empty", ""}}, .tensors = {}};
  sent.tensors.push_back(float_tensor("logits", {2, 3}, values));
  sent.tensors.push_back({.name = "pixels", .type = ElementType::kUint8, .shape = {1, 1, 3}, .bytes = {0, 128, 255}});
  sent.tensors.push_back({.name = "none", .type = ElementType::kInt64, .shape = {0, 4}, .bytes = {}});
  const TensorMessage got = message_in(encode(sent));
  EXPECT_EQ(got.notes, sent.notes);
  EXPECT_EQ(got.note("name"), "a runtime");
  EXPECT_EQ(got.note("missing"), "");
  ASSERT_EQ(got.tensors.size(), 3U);
  EXPECT_EQ(got.find("logits")->floats(), values);
  EXPECT_EQ(got.find("logits")->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(got.find("pixels")->bytes, sent.tensors[1].bytes);
  EXPECT_EQ(got.find("none")->shape, (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(got.find("nothing"), nullptr);
}

TEST(TensorMessage, IsASafetensorsFile) {
  TensorMessage message;
  message.tensors.push_back(float_tensor("x", {1}, std::vector<float>{1}));
  const Bytes bytes = encode(message);
  const std::string text(bytes.begin() + 8, bytes.end() - 4);
  EXPECT_EQ(bytes[0], text.size());
  EXPECT_EQ(text.substr(0, text.find_last_not_of(' ') + 1),
            R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})");
}

TEST(TensorMessage, RefusesTensorsWhoseBytesDoNotFillThem) {
  EXPECT_THROW(float_tensor("x", {2}, std::vector<float>{1}), std::invalid_argument);
  TensorMessage message;
  message.tensors.push_back({.name = "x", .type = ElementType::kUint8, .shape = {3}, .bytes = {1}});
  EXPECT_THROW(encode(message), std::invalid_argument);
}

TEST(TensorMessage, SaysWhatIsNoMessage) {
  EXPECT_NE(problem_of({'L', 'o', 'a', 'd', 'i', 'n', 'g', '.'}).find("a header of"), std::string::npos);
  EXPECT_NE(problem_of(with_header("[1]")).find("no safetensors"), std::string::npos);
  EXPECT_NE(problem_of(with_header("{\"a\":1}")).find("no safetensors"), std::string::npos);
  EXPECT_NE(problem_of(with_header("not json")).find("no safetensors"), std::string::npos);
  EXPECT_NE(problem_of(with_header(R"({"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}})")).find("'F16'"),
            std::string::npos);
  for (const char* broken : {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})",
                             R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})",
                             R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"}) {
    EXPECT_NE(problem_of(with_header(broken, 4)).find("tensor 'a'"), std::string::npos) << broken;
  }
  EXPECT_NE(problem_of(with_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2)).find("gaps"),
            std::string::npos);
}

TEST(TensorMessage, TakesNoMemoryForWhatIsOnlyClaimed) {
  const std::string huge = R"({"a":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}})";
  EXPECT_NE(problem_of(with_header(huge)).find("tensor 'a'"), std::string::npos);
  EXPECT_NE(problem_of(with_header(huge), {.header_bytes = 10}).find("a header of"), std::string::npos);
}

TEST(TensorMessage, SurvivesDamage) {
  TensorMessage message{.notes = {{"seconds", "0.5"}}, .tensors = {}};
  message.tensors.push_back(float_tensor("x", {2}, std::vector<float>{1, 2}));
  const Bytes whole = encode(message);
  core::Random random{22};
  for (int i = 0; i < 2000; ++i) {
    Bytes damaged = whole;
    damaged[random.below(damaged.size())] = static_cast<std::uint8_t>(random.below(256));
    std::size_t at = 0;
    const auto read = [&](std::span<std::uint8_t> to) {
      if (to.size() > damaged.size() - at) throw core::Error("the bytes end");
      std::copy_n(damaged.begin() + static_cast<std::ptrdiff_t>(at), to.size(), to.begin());
      at += to.size();
    };
    try {
      for (const RuntimeTensor& tensor : read_message(read).tensors) EXPECT_LE(tensor.bytes.size(), whole.size());
    } catch (const core::Error&) {
    }
  }
}

}  // namespace
}  // namespace margay::exporting
