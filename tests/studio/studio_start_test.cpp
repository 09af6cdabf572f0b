#include "apps/studio/studio_start.h"

#include <gtest/gtest.h>

namespace margay::studio {
namespace {

using Words = std::vector<std::string>;

TEST(StudioStart, ReadsPlainFlagsAsTheTableNamesThem) {
  const std::optional<StudioOptions> options = plain_options(
      {"a b", "--port", "8080", "--token-file=t=1", "--read-only", "--host", "localhost", "--runs", "r", "c"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->folders, (std::vector<std::filesystem::path>{"a b", "c"}));
  EXPECT_EQ(options->port, 8080);
  EXPECT_EQ(options->token_file, "t=1");
  EXPECT_TRUE(options->read_only);
  EXPECT_EQ(options->host, "localhost");
  EXPECT_EQ(options->runs, "r");
  EXPECT_TRUE(plain_options({}));
}

TEST(StudioStart, LeavesToTheProgramWhatItDoesNotUnderstandWholly) {
  const std::vector<Words> all = {{"--help"},
                                  {"-h"},
                                  {"--"},
                                  {"--open"},
                                  {"--device", "cuda:9"},
                                  {"--threads", "2"},
                                  {"--no-read-only"},
                                  {"--read-only=1"},
                                  {"--port"},
                                  {"--port="},
                                  {"--port", "eighty"},
                                  {"--port", "70000"},
                                  {"--port", "080"},
                                  {"--token_file", "a"},
                                  {"--port", "1", "--port", "2"},
                                  {"--runs", "--read-only"},
                                  {"--allowed-hosts", "a,b"},
                                  {"--folders", "a"}};
  for (const Words& words : all) EXPECT_FALSE(plain_options(words)) << words.front();
}

}  // namespace
}  // namespace margay::studio
