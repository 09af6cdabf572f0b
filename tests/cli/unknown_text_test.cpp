#include "apps/cli/unknown_text.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace margay::cli {
namespace {

interpret::UnknownFit small_fit(std::int64_t images) {
  torch::manual_seed(1);
  const predict::UnknownScorer scorer{.score = predict::UnknownScore::kEnergy};
  interpret::UnknownFit fit{
      .detector = {scorer, 0.05, predict::RefusalGuarantee::kSplit, {predict::KnownScores(torch::rand({images}))}}};
  fit.trials = {{.score = predict::UnknownScore::kEnergy,
                 .detection = {.auroc = 0.9123, .aupr = 0.5, .fpr_at_95 = 0.25},
                 .classes = 2},
                {.score = predict::UnknownScore::kMaxLogit,
                 .detection = {.auroc = 0.8, .aupr = 0.4, .fpr_at_95 = 0.5},
                 .classes = 2}};
  fit.classes = {{.images = 10, .refused = 0}, {.images = 9, .refused = 2}};
  return fit;
}

const data::Vocabulary& two_classes() {
  static const data::Vocabulary classes({"cat", "dog\n"});
  return classes;
}

TEST(UnknownText, SaysWhatWasChosenWhatHoldsAndWhoLosesMost) {
  interpret::UnknownFit fit = small_fit(19);
  fit.band = metric::Interval{.low = 0.01, .high = 0.2};
  EXPECT_EQ(
      unknown_text(fit, two_classes(), 7600),
      "None of these\n"
      "score       energy; AUROC with 2 classes left out in turn: energy 0.912, max_logit 0.800\n"
      "guarantee   at most 5 % of images of the classes are refused (19 images set the threshold and served nothing "
      "else)\n"
      "            this threshold: between 1.0 and 20.0 %, in 95 of 100 draws of its images\n"
      "refused     2 of 9 of dog\\n\n"
      "size        0 kB, 1.0 % of the weights\n");
}

TEST(UnknownText, GuaranteesNothingWhereNothingIsRefused) {
  interpret::UnknownFit fit = small_fit(3);
  fit.notes = {"nothing is refused: 3 images set the threshold, and refusing one at `alpha` 0.05 takes 19"};
  const std::string text = unknown_text(fit, two_classes(), 7600);
  EXPECT_EQ(text.find("guarantee"), std::string::npos);
  EXPECT_NE(
      text.find("NOTE: nothing is refused: 3 images set the threshold, and refusing one at --alpha 0.05 takes 19\n"),
      std::string::npos)
      << text;
}

TEST(UnknownText, OfADetectorThatAModelKeepsIsOneLine) {
  EXPECT_EQ(detector_line(small_fit(19).detector),
            "none of these: where p is at most 0.05, by the score energy; 19 images set the threshold (guarantee: "
            "split)\n");
  EXPECT_EQ(detector_line(small_fit(3).detector), "none of these: never, 3 images are too few for an alpha of 0.05\n");
}

TEST(UnknownText, IsAlsoJson) {
  const nlohmann::ordered_json json = unknown_json(small_fit(19), two_classes());
  EXPECT_EQ(json["score"], "energy");
  EXPECT_EQ(json["can_refuse"], true);
  EXPECT_EQ(json["trials"][0]["fpr_at_95_tpr"], 0.25);
  EXPECT_EQ(json["classes"][1]["label"], "dog\n");
  EXPECT_EQ(json["classes"][1]["refused"], 2);
  EXPECT_FALSE(json.contains("band"));
}

}  // namespace
}  // namespace margay::cli
