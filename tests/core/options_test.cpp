#include "margay/core/options.h"

#include <array>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/thrown_message.h"

namespace margay::core {

enum class Shape { kCircle, kSquare };

constexpr auto names(Shape /*tag*/) {
  return std::array{std::pair{Shape::kCircle, "circle"}, std::pair{Shape::kSquare, "square"}};
}

namespace {

using testing_support::thrown_message;
using Json = nlohmann::ordered_json;

struct Inner {
  double min_scale = 0.75;
  static const OptionTable& fields() {
    static const OptionTable table("inner", {field<&Inner::min_scale>("min_scale", "a share", {0.01, 1})});
    return table;
  }
};

struct Outer {
  int size = 224;
  std::optional<double> fraction;
  Shape shape = Shape::kCircle;
  std::filesystem::path file = "a/b";
  std::vector<int> list = {1, 2};
  Inner inner;
  static const OptionTable& fields() {
    static const OptionTable table(
        "outer", {field<&Outer::size>("size", "px", {8, 1024}), field<&Outer::fraction>("fraction", "share", {0, 1}),
                  field<&Outer::shape>("shape", "form"), field<&Outer::file>("file", "path"),
                  field<&Outer::list>("list", "numbers", {0, 9}), field<&Outer::inner>("inner", "nested")});
    return table;
  }
};

TEST(Options, SurviveTheWayThroughJson) {
  const Outer original{.size = 64, .fraction = 0.5, .shape = Shape::kSquare, .file = "x", .list = {3}, .inner = {0.2}};
  Outer copy;
  from_json(to_json(original), copy);
  EXPECT_EQ(to_json(copy), to_json(original));
  EXPECT_EQ(copy.shape, Shape::kSquare);
  EXPECT_EQ(copy.inner.min_scale, 0.2);
}

TEST(Options, KeepWhatJsonDoesNotName) {
  Outer options{.size = 99};
  from_json(Json::parse(R"({"shape": "square"})"), options);
  EXPECT_EQ(options.size, 99);
}

TEST(Options, RefuseUnknownKeysWithTheNearest) {
  Outer options;
  const auto call = [&] { from_json(Json::parse(R"({"inner": {"min_scael": 1}})"), options); };
  EXPECT_EQ(thrown_message<std::invalid_argument>(call),
            "[outer] inner: [inner] no option 'min_scael'; did you mean 'min_scale'?");
}

TEST(Options, RefuseValuesOfAnotherType) {
  Outer options;
  EXPECT_THROW(from_json(Json::parse(R"({"size": 1.5})"), options), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"({"size": "x"})"), options), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"({"size": 99999999999})"), options), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"({"shape": "triangle"})"), options), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"([1])"), options), std::invalid_argument);
}

TEST(Options, TakeANumberForAListOfOne) {
  Outer options;
  from_json(Json::parse(R"({"list": 7})"), options);
  EXPECT_EQ(options.list, (std::vector<int>{7}));
  EXPECT_THROW(from_json(Json::parse(R"({"list": "7"})"), options), std::invalid_argument);
}

TEST(Options, NameTheNumberThatIsOutOfRange) {
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { validate(Outer{.size = 4}); }),
            "[outer] size must lie in [8, 1024], got 4");
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { validate(Outer{.inner = {2}}); }),
            "[inner] min_scale must lie in [0.01, 1], got 2");
  EXPECT_THROW(validate(Outer{.fraction = 1.5}), std::invalid_argument);
  EXPECT_EQ(thrown_message<std::invalid_argument>([] {
              validate(Outer{.list = {1, 12}});
            }),
            "[outer] list must lie in [0, 9], got 12");
  EXPECT_NO_THROW(validate(Outer{}));
}

}  // namespace
}  // namespace margay::core
