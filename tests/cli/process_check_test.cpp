#include "apps/cli/process_check.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/command_line.h"

namespace margay::cli {
namespace {

using testing_support::expect_part;

ProcessCheck two_hosts() {
  return {
      .hosts = {"node01", "node01", "node02"},
      .threads = {4, 4, 2},
      .things = {{"program", {"margay 1 (aa)", "margay 1 (aa)", "margay 1 (aa)"}},
                 {"data",
                  {"12 images, names and sizes ab", "12 images, names and sizes ab", "11 images, names and sizes cd"}}},
      .clocks = {{}, {.seconds = 1e-5, .uncertainty_s = 2e-5}, {.seconds = -3.25, .uncertainty_s = 1e-3}},
      .links = {{}, {.latency_s = 5e-5, .bytes_per_s = 2e9}, {.latency_s = 0.02, .bytes_per_s = 1e8}},
      .sums = {{.bytes = 1 << 20, .repeats = 9, .seconds = 0.01, .fastest_s = 0.009, .slowest_s = 0.02}}};
}

TEST(CommonThing, NamesTheRanksThatHaveAnotherValueThanMost) {
  const CommonThing thing{"data", {"b", "a", "a"}};
  EXPECT_EQ(thing.usual(), "a");
  EXPECT_EQ(thing.others(), std::vector<std::size_t>{0});
}

TEST(ProcessCheckText, SaysWhichRankDiffers) {
  const std::string text = process_check_text(two_hosts());
  expect_part(text, "program: margay 1 (aa), the same in all processes\n");
  expect_part(text,
              "data: 12 images, names and sizes ab in 2 processes, but\n"
              "  rank 2 (node02) has 11 images, names and sizes cd\n");
  EXPECT_TRUE(two_hosts().is_bad());
}

TEST(ProcessCheckText, ShowsClocksLinksAndSums) {
  const std::string text = process_check_text(two_hosts());
  expect_part(text, "   2  node02        2  -3250.000  1.000       20.000   100.0\n");
  expect_part(text, "rank 2 (node02): its clock is 3.2 s behind that of rank 0\n");
  expect_part(text, " 1 MiB        9     10.000    9.000   20.000  104.9        139.8\n");
  EXPECT_EQ(text.find("rank 1 (node01): its clock"), std::string::npos);
}

TEST(ProcessCheckJson, HasTheSameNumbers) {
  const nlohmann::ordered_json json = process_check_json(two_hosts());
  EXPECT_EQ(json["world"], 3);
  EXPECT_EQ(json["is_alike"], false);
  EXPECT_EQ(json["things"][1]["differing_ranks"], nlohmann::json({2}));
  EXPECT_EQ(json["ranks"][2]["clock_offset_s"], -3.25);
  EXPECT_FALSE(json["ranks"][0].contains("bytes_per_s"));
  EXPECT_EQ(json["sums"][0]["bytes"], 1 << 20);
  EXPECT_DOUBLE_EQ(json["sums"][0]["link_bytes_per_s"], (1 << 20) / 0.01 * 4 / 3);
}

}  // namespace
}  // namespace margay::cli
