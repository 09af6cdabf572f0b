#include "apps/cli/evaluation_text.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "apps/cli/help.h"
#include "margay/core/text.h"
#include "tests/support/command_line.h"
#include "tests/web/made_predictions.h"

namespace margay::cli {
namespace {

using testing_support::expect_part;
using testing_support::made_predictions;
using testing_support::MadeImage;

run::Evaluation with_odd_names() {
  std::vector<MadeImage> images;
  for (int i = 0; i < 40; ++i) images.push_back({i % 4, i % 7 == 0 ? (i + 1) % 4 : i % 4, 1.5 + 0.1 * i});
  predict::KeptPredictions kept =
      made_predictions({"a name\twith\na break", "\x1b[31mred", "кошка и собака", "犬の種類と名前"}, images);
  return run::Evaluation(std::move(kept));
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    widest = std::max(widest, core::text_width(text.substr(at, end - at)));
    at = end + 1;
  }
  return widest;
}

TEST(EvaluationText, FitsTerminalsOfAnyWidthAndCommandsNone) {
  const run::Evaluation evaluation = with_odd_names();
  for (const int columns : {20, 33, 80, 140}) {
    const std::string text = evaluation_text(evaluation, EvaluationExtent::kShort, {.columns = columns});
    EXPECT_LE(widest_line(text), static_cast<std::size_t>(columns)) << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\t'), std::string::npos);
  }
}

TEST(EvaluationText, SaysWhatEachNumberIsOnMoreLinesWhereOneIsTooShort) {
  const run::Evaluation evaluation = with_odd_names();
  const auto has_cut_line = [](const std::string& text) { return text.find("…") != std::string::npos; };
  const std::string text = evaluation_text(evaluation, EvaluationExtent::kShort, {.columns = 80});
  const std::string numbers =
      text.substr(text.find("number "), text.find("\n\n", text.find("number ")) - text.find("number "));
  EXPECT_FALSE(has_cut_line(numbers)) << numbers;
  for (const interpret::SummaryNumber& number : evaluation.interpretation().summary()) {
    for (const std::string& word : wrapped(number.words, 1)) expect_part(numbers, word);
  }
  const std::string narrow = evaluation_text(evaluation, EvaluationExtent::kShort, {.columns = 40});
  EXPECT_EQ(narrow.find("whose"), std::string::npos) << narrow;
}

TEST(EvaluationText, ShowsTheCurvesAndEveryClassOnlyWhenAsked) {
  const run::Evaluation evaluation = with_odd_names();
  const std::string brief = evaluation_text(evaluation, EvaluationExtent::kShort, {});
  const std::string all = evaluation_text(evaluation, EvaluationExtent::kAll, {});
  EXPECT_EQ(brief.find("Nearest to the border"), std::string::npos);
  expect_part(all, "Nearest to the border");
  EXPECT_GT(all.size(), brief.size());
}

TEST(EvaluationTally, OfKeptPredictionsIsThatOfTheSameBatches) {
  predict::KeptPredictions kept = made_predictions({"cat", "dog"}, {{0, 0}, {0, 1, 3}, {1, 1}});
  EvaluationTally of_kept(data::Task::kSingleLabel, 0.5);
  of_kept.add(kept);
  kept.rows.set_logits(kept.rows.logits, kept.activation(), kept.rows.temperature);
  EvaluationTally of_batch(data::Task::kSingleLabel, 0.5);
  of_batch.add(kept.rows);
  EXPECT_EQ(of_kept.text(), of_batch.text());
  expect_part(of_kept.text(), "images    3\nerror_rate  0.3333 ± 0.2722 (one standard error)\naccuracy    0.6667\n");
}

TEST(EvaluationTally, CountsARefusedImageAsWrong) {
  predict::KeptPredictions kept = made_predictions({"cat", "dog"}, {{0, 0}, {0, 1, 3}, {1, 1}});
  kept.rows.p_known = torch::tensor({.01, .5, .5}, torch::kDouble);
  kept.rows.alpha = .05;
  kept.refused = kept.rows.p_known <= kept.rows.alpha;
  EvaluationTally of_kept(data::Task::kSingleLabel, 0.5);
  of_kept.add(kept);
  expect_part(of_kept.text(), "accuracy    0.3333\n");
  kept.rows.set_logits(kept.rows.logits, kept.activation(), kept.rows.temperature);
  EvaluationTally of_batch(data::Task::kSingleLabel, 0.5);
  of_batch.add(kept.rows);
  EXPECT_EQ(of_kept.text(), of_batch.text());
  const run::Evaluation evaluation(std::move(kept));
  expect_part(evaluation_text(evaluation, EvaluationExtent::kShort, {.columns = 100}), "0.3333");
}

}  // namespace
}  // namespace margay::cli
