#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/studio/running_studio.h"
#include "tests/support/golden.h"

namespace margay::studio {
namespace {

using TestJson = nlohmann::json;
using testing_support::RunningStudio;

TEST(StudioXray, GivesTheLibrarysNumbersOfTheGoldenCases) {
  RunningStudio studio;
  for (const TestJson& one : testing_support::golden("loss_anatomy.json").at("cases")) {
    SCOPED_TRACE(one.at("name").get<std::string>());
    const TestJson question = {{"kind", one["kind"]},
                               {"logits", one["logits"]},
                               {"targets", one["targets"]},
                               {"temperature", one["temperature"]},
                               {"smoothing", one["smoothing"]}};
    const http::ClientResponse response = studio.send("POST", "/api/xray", question.dump());
    ASSERT_EQ(response.status, 200) << response.body;
    const TestJson numbers = TestJson::parse(response.body);
    EXPECT_EQ(numbers["loss"].is_null(), !one.contains("loss"));
    for (const char* key : {"probability", "negative_log", "gradient"}) {
      if (!one.contains(key)) continue;
      ASSERT_EQ(numbers[key].size(), one[key].size());
      for (std::size_t k = 0; k < one[key].size(); ++k) {
        if (one[key][k].is_string()) {
          EXPECT_EQ(numbers[key][k], one[key][k]);
        } else {
          const double wanted = one[key][k].get<double>();
          EXPECT_NEAR(numbers[key][k].get<double>(), wanted, 1e-12 * std::max(1.0, std::abs(wanted)));
        }
      }
    }
  }
}

TEST(StudioXray, SaysWhatIsWrongWithAQuestion) {
  RunningStudio studio({.read_only = true});  // a question changes nothing
  const auto problem_of = [&](const char* body) {
    const http::ClientResponse response = studio.send("POST", "/api/xray", body);
    EXPECT_EQ(response.status, 400) << body;
    return TestJson::parse(response.body).at("error").get<std::string>();
  };
  EXPECT_NE(problem_of("no JSON").find("parse error"), std::string::npos);
  EXPECT_NE(problem_of(R"({"kind": "softmax"})").find("logits"), std::string::npos);
  EXPECT_EQ(problem_of(R"({"kind": "softmax", "logits": []})"), "[loss_anatomy] there must be a logit, got none");
  EXPECT_EQ(problem_of(R"({"kind": "softmax", "logits": [1, 2], "targets": [2]})"),
            "[loss_anatomy] target 2 is no class; 2 classes allow 0 to 1");
}

}  // namespace
}  // namespace margay::studio
