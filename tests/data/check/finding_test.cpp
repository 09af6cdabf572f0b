#include "margay/data/check/finding.h"

#include <cmath>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace margay::data {
namespace {

TEST(Finding, KindsAreFoundByTheirNames) {
  std::set<std::string> names;
  for (const KindText& each : all_kinds()) {
    EXPECT_EQ(kind_named(each.name), each.kind);
    EXPECT_EQ(&words_of(each.kind), &each);
    names.insert(each.name);
  }
  EXPECT_EQ(names.size(), all_kinds().size());
  EXPECT_FALSE(kind_named("wrong_labels").has_value());
}

TEST(Finding, IsAnObjectOfJson) {
  const Finding finding{.kind = FindingKind::kWrongLabel,
                        .paths = {"images/a.jpg"},
                        .classes = {"cup"},
                        .text = "labelled cup, predicted fish",
                        .evidence = {{"label_quality", 0.25}, {"distance", std::nan("")}},
                        .suggestion = {"fish"}};
  const nlohmann::ordered_json json = to_json(finding);
  EXPECT_EQ(json["kind"], "wrong_label");
  EXPECT_EQ(json["severity"], "note");
  EXPECT_EQ(json["action"], "relabel");
  EXPECT_EQ(json["paths"], nlohmann::json({"images/a.jpg"}));
  EXPECT_EQ(json["evidence"]["label_quality"], 0.25);
  EXPECT_TRUE(json["evidence"]["distance"].is_null());
  EXPECT_EQ(json["suggestion"], nlohmann::json({"fish"}));
  EXPECT_EQ(finding.evidence_of("label_quality"), 0.25);
  EXPECT_FALSE(finding.evidence_of("rank").has_value());
}

}  // namespace
}  // namespace margay::data
