#include "margay/core/json_values.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace margay::core {
namespace {

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
