#include "margay/train/registry/find_run.h"

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/train/registry/config_difference.h"
#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::thrown_message;

std::vector<RunRecord> four_runs() {
  return {{.id = 1, .folder = "20240501-100000-pets", .name = "pets"},
          {.id = 2, .folder = "20240502-100000-pets", .name = "pets"},
          {.id = 3, .folder = "20240503-100000-mixup", .name = "mixup", .group = "g7"},
          {.id = 20, .folder = "20240504-100000-mixup", .name = "mixup", .group = "g7"}};
}

std::int64_t found(const std::string& text) { return find_run(four_runs(), text, "runs").id; }

std::string problem(const std::string& text) {
  return thrown_message<core::DataError>([&] { find_run(four_runs(), text, "runs"); });
}

TEST(FindRun, GoesByIdFolderNameGroupAndBeginning) {
  EXPECT_EQ(found("1"), 1);
  EXPECT_EQ(found("20240502-100000-pets"), 2);
  EXPECT_EQ(found("pets"), 2) << "the newest of the name";
  EXPECT_EQ(found("g7"), 20);
  EXPECT_EQ(found("20240503"), 3);
  EXPECT_EQ(found("20"), 20) << "an id wins over the beginning of a folder";
}

TEST(FindRun, NamesWhatIsNear) {
  EXPECT_EQ(problem("petz"), "runs: there is no run 'petz'; did you mean 'pets'?");
  EXPECT_EQ(problem("2024050"),
            "runs: 4 runs begin with '2024050': 20240501-100000-pets, 20240502-100000-pets, 20240503-100000-mixup, "
            "20240504-100000-mixup; write more of the one you mean");
  EXPECT_EQ(problem(""), "runs: there is no run ''");
  EXPECT_EQ(thrown_message<core::DataError>([] { find_run({}, "x", "runs"); }), "runs: there is no run in this folder");
}

TEST(ConfigDifference, ListsLeavesByTheirDottedKeys) {
  const auto a =
      nlohmann::ordered_json::parse(R"({"arch": "r18", "lr": 1, "x": {"y": {"z": [1, 2]}, "only_a": null}})");
  const auto b = nlohmann::ordered_json::parse(R"({"lr": 1.0, "arch": "r34", "x": {"y": {"z": [1, 3]}}, "only_b": 2})");
  const auto differences = config_difference(a, b);
  ASSERT_EQ(differences.size(), 4U);
  EXPECT_EQ(differences[0].key, "arch");
  EXPECT_EQ(*differences[0].b, "r34");
  EXPECT_EQ(differences[1].key, "x.y.z");
  EXPECT_EQ(differences[2].key, "x.only_a");
  EXPECT_FALSE(differences[2].b);
  EXPECT_EQ(differences[3].key, "only_b");
  EXPECT_FALSE(differences[3].a);
  EXPECT_TRUE(config_difference(a, a).empty());
  EXPECT_TRUE(config_difference(nullptr, nlohmann::ordered_json::object()).empty());
}

}  // namespace
}  // namespace margay::train
