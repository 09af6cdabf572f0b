#include "margay/interpret/interpretation_charts.h"

#include <gtest/gtest.h>

#include "margay/data/image/write_image.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_images.h"
#include "tests/web/made_predictions.h"

namespace margay::interpret {
namespace {

using testing_support::MadeImage;

/// Three cats of which one is taken for a dog, two dogs, and no image of a fox.
Interpretation pets(const std::filesystem::path& root = {}) {
  const std::vector<MadeImage> images = {{0, 0, 2}, {0, 0, 3}, {0, 1, 4}, {1, 1, 2}, {1, 1, 2}};
  return Interpretation(testing_support::made_predictions({"cat", "dog", "fox"}, images, root));
}

TEST(ConfusionChart, HasTheCellsOfTheMatrixInTheOrderOfTheClasses) {
  const Interpretation interpretation = pets();
  const chart::MatrixChart by_vocab = confusion_chart(interpretation, ClassOrder::kVocab);
  EXPECT_EQ(by_vocab.names, (std::vector<std::string>{"cat", "dog", "fox"}));
  EXPECT_EQ(by_vocab.title, "Confusion matrix: 4 of 5 images right");
  ASSERT_EQ(by_vocab.cells.size(), 3U);
  EXPECT_EQ(by_vocab.cells[1].row, 0U);
  EXPECT_EQ(by_vocab.cells[1].column, 1U);
  EXPECT_EQ(by_vocab.cells[1].value, 1);
  EXPECT_NEAR(by_vocab.cells[1].share, 1 / 3.0, 1e-12);
  for (const ClassOrder order : {ClassOrder::kCluster, ClassOrder::kName, ClassOrder::kSize}) {
    const chart::MatrixChart chart = confusion_chart(interpretation, order);
    for (const chart::MatrixCell& cell : chart.cells) {
      if (chart.names[cell.row] == "cat" && chart.names[cell.column] == "dog") {
        EXPECT_EQ(cell.value, 1);
      }
    }
    EXPECT_EQ(chart.cells.size(), 3U);
  }
}

TEST(ClassChart, BeginsWithTheWorstClassAndLeavesOutThoseWithoutImages) {
  const chart::BarChart chart = class_chart(pets());
  ASSERT_EQ(chart.bars.size(), 2U);
  EXPECT_EQ(chart.bars[0].name, "cat");
  EXPECT_NEAR(chart.bars[0].value, 2 / 3.0, 1e-12);
  EXPECT_EQ(chart.bars[0].note, "2 of 3");
  ASSERT_TRUE(chart.bars[0].interval.has_value());
  EXPECT_LT(chart.bars[0].interval->low, 2 / 3.0);
  EXPECT_EQ(chart.bars[1].value, 1);
  const chart::BarChart cut = class_chart(pets(), 1);
  EXPECT_EQ(cut.bars.size(), 1U);
  EXPECT_EQ(cut.left_out, 1U);
}

TEST(MostConfusedChart, NamesThePairWithItsNumberAndItsTest) {
  const chart::BarChart chart = most_confused_chart(pets());
  ASSERT_EQ(chart.bars.size(), 1U);
  EXPECT_EQ(chart.bars[0].name, "cat as dog");
  EXPECT_EQ(chart.bars[0].value, 1);
  EXPECT_EQ(chart.bars[0].note, "33 %, p = 1.000");
}

TEST(ConfidenceChart, CountsEveryImageOnce) {
  double images = 0;
  for (const chart::Bar& bar : confidence_chart(pets()).bars) images += bar.value;
  EXPECT_EQ(images, 5);
}

TEST(PlotConfusionMatrix, IsADrawingOfTheWholeMatrix) {
  const chart::Drawing drawing = plot_confusion_matrix(pets());
  EXPECT_EQ(drawing.title, "Confusion matrix: 4 of 5 images right: actual by predicted");
  EXPECT_GT(drawing.width, 100);
}

TEST(PlotTopLosses, ReadsTheImagesAndLeavesGreyTilesForThoseThatAreGone) {
  const testing_support::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "images");
  data::write_png(folder / "images/2.png", testing_support::striped_image(0, 3, 24));
  const chart::Drawing sheet = plot_top_losses(pets(folder.path()), 2);
  std::vector<const chart::DrawnImage*> images;
  std::vector<std::string> captions;
  for (const chart::Shape& shape : sheet.shapes) {
    if (const auto* image = std::get_if<chart::DrawnImage>(&shape)) images.push_back(image);
    if (const auto* text = std::get_if<chart::DrawnText>(&shape)) captions.push_back(text->text);
  }
  ASSERT_EQ(images.size(), 2U);
  EXPECT_EQ(images[0]->image.width, 24);
  EXPECT_EQ(images[1]->image.width, 192);
  EXPECT_EQ(captions[0], "1: cat → dog 0.94, loss 3.07");
}

TEST(PlotTopLosses, IsEmptyWhereNothingIsWrong) {
  const Interpretation right(testing_support::made_predictions({"cat", "dog"}, {{0, 0}, {1, 1}}));
  EXPECT_EQ(plot_top_losses(right, 9, TopLosses::kSurelyWrong).width, 0);
}

}  // namespace
}  // namespace margay::interpret
