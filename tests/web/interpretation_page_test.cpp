#include <string>
#include <vector>

#include <torch/types.h>

#include "apps/web/report_page.h"
#include "tests/web/made_predictions.h"
#include "tests/web/written_page.h"

namespace margay::web {
namespace {

using testing_support::made_predictions;
using testing_support::MadeImage;

const std::vector<std::string> kAnimals = {"cat", "dog", "fox"};

/// Row, column and images of each cell.
nlohmann::ordered_json cells_of(const ReportPage& page) {
  nlohmann::ordered_json cells = nlohmann::ordered_json::array();
  for (const PageCell& cell : page.cells) cells.push_back({cell.row, cell.column, cell.images});
  return cells;
}

TEST(InterpretationPage, PutsFullWrongCellsFirstThenRightOnesThenSingleMistakes) {
  const std::vector<MadeImage> images = {{0, 0}, {0, 1, 2}, {0, 1, 4}, {1, 1}, {2, 0}, {1, 1, 1.5}};
  const interpret::Interpretation interpretation(made_predictions(kAnimals, images));
  const ReportPage page = report_page(interpretation, "animals");
  EXPECT_EQ(cells_of(page), (nlohmann::ordered_json{{0, 1, {2, 1}}, {1, 1, {5, 3}}, {0, 0, {0}}, {2, 0, {4}}}));
}

TEST(InterpretationPage, ShowsRefusedImagesInAColumnOfTheirOwn) {
  predict::KeptPredictions predictions = made_predictions(kAnimals, {{0, 0}, {1, 0}, {1, 1}});
  predictions.rows.p_known = torch::tensor({.5, .01, .02}, torch::kDouble);
  predictions.refused = torch::tensor({false, true, true});
  const interpret::Interpretation interpretation(std::move(predictions));
  const ReportPage page = report_page(interpretation, "animals");
  EXPECT_EQ(cells_of(page), (nlohmann::ordered_json{{1, 3, {1, 2}}, {0, 0, {0}}}));
  const PageImage image = page.image(1);
  EXPECT_TRUE(image.predicted.empty());
  EXPECT_EQ(image.labels, std::vector<std::int64_t>{1});
  EXPECT_EQ(image.p_known, .01);
}

TEST(InterpretationPage, FindsFilesBelowTheRoot) {
  const interpret::Interpretation at_root(made_predictions(kAnimals, {{0, 2}}, "/data"));
  const PageImage image = report_page(at_root, "animals").image(0);
  EXPECT_EQ(image.file, "/data/images/0.png");
  EXPECT_EQ(image.name, "images/0.png");
  EXPECT_EQ(image.predicted, std::vector<std::int64_t>{2});
  EXPECT_NEAR(*image.probability, std::exp(2.) / (std::exp(2.) + std::exp(1.) + 1), 1e-6);
  EXPECT_NEAR(*image.loss, -std::log(*image.label_probability), 1e-6);
  const interpret::Interpretation without(made_predictions(kAnimals, {{0, 2}}));
  EXPECT_TRUE(report_page(without, "animals").image(0).file.empty());
}

TEST(InterpretationPage, HasTheOutcomesOfEachClassOfSeveralLabels) {
  predict::KeptPredictions predictions = made_predictions(kAnimals, {{0, 0}, {0, 0}});
  predictions.task = data::Task::kMultiLabel;
  predictions.rows.logits = torch::tensor({{3.F, -3.F, 3.F}, {-3.F, -2.F, -3.F}});
  predictions.rows.targets = torch::tensor({{1.F, 0.F, 0.F}, {0.F, 1.F, 0.F}});
  const interpret::Interpretation interpretation(std::move(predictions));
  const ReportPage page = report_page(interpretation, "animals");
  // Right: cat of image 0. Missed: dog of image 1. Wrongly given: fox of image 0.
  EXPECT_EQ(cells_of(page), (nlohmann::ordered_json{{0, 3, {0}}, {1, 2, {1}}, {2, 1, {0}}}));
  EXPECT_EQ(page.image(0).predicted, (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(page.image(1).labels, std::vector<std::int64_t>{1});
  EXPECT_TRUE(page.image(1).predicted.empty());
}

TEST(InterpretationPage, HasNoCellsWithoutLabels) {
  predict::KeptPredictions predictions = made_predictions(kAnimals, {{0, 0}, {1, 1}});
  predictions.rows.targets = torch::Tensor();
  const interpret::Interpretation interpretation(std::move(predictions));
  const ReportPage page = report_page(interpretation, "animals");
  EXPECT_TRUE(page.cells.empty());
  EXPECT_FALSE(page.image(0).loss.has_value());
  EXPECT_TRUE(page.image(0).labels.empty());
  const testing_support::TemporaryFolder folder;
  const auto read = testing_support::write_and_read(folder, page);
  EXPECT_EQ(read.data["document"]["has_labels"], false);
  EXPECT_EQ(read.written.images, 2);  // those that are least sure
}

}  // namespace
}  // namespace margay::web
