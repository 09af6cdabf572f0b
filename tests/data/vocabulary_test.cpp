#include <gtest/gtest.h>

#include "margay/data/vocabulary.h"

#include "margay/core/error.h"
#include "tests/support/golden.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::thrown_message;

TEST(Vocabulary, SortsAsFastaisCategoryMap) {
  MARGAY_REQUIRE_GOLDEN("splits_labels.json");
  const auto expected =
      testing_support::golden("splits_labels.json")["CategoryMap_strings"].get<std::vector<std::string>>();
  EXPECT_EQ(Vocabulary::of_labels({expected.rbegin(), expected.rend()}).names(), expected);
}

TEST(Vocabulary, KnowsItsClassesAndSuggestsTheNearest) {
  const Vocabulary vocabulary = Vocabulary::of_labels({"pug", "beagle", "pug"});
  EXPECT_EQ(vocabulary.size(), 2);
  EXPECT_EQ(vocabulary.index("pug"), 1);
  EXPECT_EQ(vocabulary.name(0), "beagle");
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { (void)vocabulary.index("baegle"); }),
            "[Vocabulary] no class 'baegle'; did you mean 'beagle'?");
  EXPECT_THROW(Vocabulary({"a", "a"}), std::invalid_argument);
}

TEST(Vocabulary, RefusesNamesThatNoModelFileCouldHold) {
  EXPECT_NE(thrown_message<core::DataError>([] { Vocabulary({"caf\xe9"}); }).find("is not UTF-8"), std::string::npos);
}

}  // namespace
}  // namespace margay::data
