#include "margay/core/options.h"

#include <array>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
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

TEST(Options, ReadAFieldByTheNameThatItHadBefore) {
  struct Renamed {
    int images = 1;
    static const OptionTable& fields() {
      static const OptionTable table("renamed",
                                     {field<&Renamed::images>("images", "how many", {1, 9}).formerly("pictures")});
      return table;
    }
  };
  Renamed options;
  from_json(Json::parse(R"({"pictures": 7})"), options);
  EXPECT_EQ(options.images, 7);
  EXPECT_EQ(to_json(options).dump(), R"({"images":7})");
  const auto both = [&] { from_json(Json::parse(R"({"images": 1, "pictures": 2})"), options); };
  EXPECT_EQ(thrown_message<std::invalid_argument>(both),
            "[renamed] 'pictures' is the old name of 'images'; give one of the two");
}

TEST(Options, RefuseValuesOfAnotherType) {
  Outer options;
  EXPECT_THROW(from_json(Json::parse(R"({"size": 1.5})"), options), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"({"size": "x"})"), options), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"({"size": 99999999999})"), options), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"({"shape": "triangle"})"), options), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"([1])"), options), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"({"file": 1})"), options), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"({"fraction": "x"})"), options), std::invalid_argument);
}

TEST(Options, KeepTheLargestNumbersOfAnyType) {
  struct Numbers {
    std::uint64_t seed = 0;
    std::int64_t count = 0;
    std::array<double, 3> mean = {};
    static const OptionTable& fields() {
      static const OptionTable table("numbers", {field<&Numbers::seed>("seed", ""), field<&Numbers::count>("count", ""),
                                                 field<&Numbers::mean>("mean", "")});
      return table;
    }
  };
  const Numbers original{.seed = 1ULL << 62U, .count = std::numeric_limits<std::int64_t>::min(), .mean = {.1, .2, .3}};
  Numbers copy;
  from_json(to_json(original), copy);
  EXPECT_EQ(copy.seed, original.seed);
  EXPECT_EQ(copy.count, original.count);
  EXPECT_EQ(copy.mean, original.mean);
  EXPECT_EQ(to_json(Numbers{.seed = ~0ULL})["seed"].dump(), "18446744073709551615");
  EXPECT_THROW(from_json(Json::parse(R"({"seed": -1})"), copy), std::invalid_argument);
  EXPECT_THROW(from_json(Json::parse(R"({"mean": [1, 2]})"), copy), std::invalid_argument);
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

/// An average that may be on, one of two sources, and numbers that mean something with some of them only.
struct Average {
  double decay = 0.99;
  bool warm_up = true;
  static const OptionTable& fields() {
    static const OptionTable table("average",
                                   {field<&Average::decay>("decay", "share"), field<&Average::warm_up>("warm_up", "")});
    return table;
  }
};

struct Ruled {
  std::string table;
  std::optional<int> folder;
  std::string column;
  Shape shape = Shape::kCircle;
  std::string group;
  bool average = false;
  Average average_options;
  std::string recipe;
  int epochs = 3;
  static const OptionTable& fields() {
    static const OptionTable fields(
        "ruled", {field<&Ruled::table>("table", "", {excludes({"folder"}, "the labels")}),
                  field<&Ruled::folder>("folder", ""), field<&Ruled::column>("column", "", {needs({"table", "group"})}),
                  field<&Ruled::shape>("shape", "", {needs({"group"}, "square")}),
                  field<&Ruled::group>("group", "", {needs({"shape=square"})}), field<&Ruled::average>("average", ""),
                  field<&Ruled::average_options>("average_options", "",
                                                 {needs({"average"}), of_inner("decay", excludes({"recipe"}))}),
                  field<&Ruled::recipe>("recipe", ""), field<&Ruled::epochs>("epochs", "", {excludes({"recipe"})})});
    return fields;
  }
};

std::string refusal(const Ruled& options, const IsGiven& is_given = {}) {
  return thrown_message<std::invalid_argument>([&] { check_rules(options, is_given); });
}

TEST(OptionRules, AllowTheDefaultsAndWhatNoRuleSpeaksOf) {
  EXPECT_NO_THROW(check_rules(Ruled{}));
  EXPECT_NO_THROW(check_rules(Ruled{.recipe = "r"}));
  EXPECT_THROW(check_rules(Ruled{.group = "g"}), std::invalid_argument) << "so rules are looked at";
}

TEST(OptionRules, RefuseTwoThatSayTheSame) {
  EXPECT_EQ(refusal({.table = "t", .folder = 1}), "[ruled] `table` and `folder` both set the labels; give one");
  EXPECT_NO_THROW(check_rules(Ruled{.folder = 1}));
}

TEST(OptionRules, RefuseAFieldWithoutAnyOfThoseItNeeds) {
  EXPECT_EQ(refusal({.column = "c"}), "[ruled] `column` needs `table` or `group`; give one, or leave it out");
  EXPECT_NO_THROW(check_rules(Ruled{.table = "t", .column = "c"}));
}

TEST(OptionRules, MayHoldForOneValueOnly) {
  EXPECT_EQ(refusal({.shape = Shape::kSquare}), "[ruled] `shape` square needs `group`; give both, or neither");
  EXPECT_EQ(refusal({.group = "g"}), "[ruled] `group` needs `shape` square; give both, or neither");
  EXPECT_NO_THROW(check_rules(Ruled{.shape = Shape::kSquare, .group = "g"}));
}

TEST(OptionRules, OfAStructHoldForItsFields) {
  EXPECT_EQ(refusal({.average_options = {.decay = 0.5}}), "[ruled] `decay` needs `average`; give both, or neither");
  EXPECT_EQ(refusal({.average_options = {.warm_up = false}}),
            "[ruled] `no_warm_up` needs `average`; give both, or neither");
  EXPECT_NO_THROW(check_rules(Ruled{.average = true, .average_options = {.decay = 0.5}}));
}

TEST(OptionRules, MayNameOneFieldOfAStruct) {
  EXPECT_EQ(refusal({.average = true, .average_options = {.decay = 0.5}, .recipe = "r"}),
            "[ruled] `decay` has no effect together with `recipe`; leave one out");
  EXPECT_NO_THROW(check_rules(Ruled{.average = true, .average_options = {.warm_up = false}, .recipe = "r"}));
}

TEST(OptionRules, LookAtWhatWasGivenNotAtWhatDiffers) {
  const auto only = [](const std::string& name) { return [name](const std::string& field) { return field == name; }; };
  EXPECT_EQ(refusal({.recipe = "r"}, only("ruled.epochs")),
            "[ruled] `epochs` has no effect together with `recipe`; leave one out");
  EXPECT_EQ(refusal({}, only("average.decay")), "[ruled] `decay` needs `average`; give both, or neither");
  EXPECT_NO_THROW(check_rules(Ruled{.recipe = "r", .epochs = 9}, only("ruled.recipe"))) << "epochs of an earlier run";
}

TEST(OptionRules, ThatNameNoFieldAreAMistakeOfOurs) {
  struct Wrong {
    int size = 1;
    static const OptionTable& fields() {
      static const OptionTable table("wrong", {field<&Wrong::size>("size", "", {needs({"sise"})})});
      return table;
    }
  };
  EXPECT_THROW(check_rules(Wrong{.size = 2}), InternalError);
}

}  // namespace
}  // namespace margay::core
