#include "margay/core/json_values.h"

#include <cmath>
#include <limits>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace margay::core {
namespace {

TEST(ParsedJson, IsDiscardedWhereItIsNoJsonOrTooDeep) {
  EXPECT_EQ(parsed_json(R"({"a":[1,{"b":null}]})").dump(), R"({"a":[1,{"b":null}]})");
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + "1" + std::string(depth, ']'); };
  EXPECT_EQ(parsed_json(nested(60)).dump(), nested(60));
  std::istringstream stream(nested(3));
  EXPECT_EQ(parsed_json(stream).dump(), nested(3));
  for (const std::string& text : {std::string("[1,"), std::string("{\"a\":1}}"), std::string(), nested(100),
                                  nested(1'000'000), "{\"a\":" + nested(200'000) + ",\"b\":2}"}) {
    EXPECT_TRUE(parsed_json(text).is_discarded()) << text.substr(0, 20);
  }
}

TEST(FiniteOrNull, IsNullForWhatJsonCannotSay) {
  EXPECT_EQ(finite_or_null(0.25).dump(), "0.25");
  EXPECT_EQ(finite_or_null(std::nan("")).dump(), "null");
  EXPECT_EQ(finite_or_null(-std::numeric_limits<double>::infinity()).dump(), "null");
}

TEST(PathJson, IsTextForUtf8AndTheBytesForAnythingElse) {
  EXPECT_EQ(path_json("cats/Löwe.jpg").dump(), "\"cats/Löwe.jpg\"");
  EXPECT_EQ(path_json("a\xFF").dump(), "[97,255]");
}

TEST(PathOfJson, ReadsBothForms) {
  for (const std::string path : {"", "cats/Löwe.jpg", "a\xFF\x80"}) EXPECT_EQ(path_of_json(path_json(path)), path);
  EXPECT_THROW(path_of_json({"no", "bytes"}), nlohmann::json::exception);
}

}  // namespace
}  // namespace margay::core
