#include "margay/chart/matrix_chart.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "margay/chart/render.h"
#include "margay/core/text.h"
#include "tests/support/special_numbers.h"

namespace margay::chart {
namespace {

MatrixChart cats_and_dogs() {
  return {.title = "Confusion matrix",
          .rows_label = "actual",
          .columns_label = "predicted",
          .names = {"cat", "dog"},
          .cells = {{0, 0, 7, 0.7}, {0, 1, 3, 0.3}, {1, 1, 10, 1}},
          .marks = {}};
}

/// Every image right, but one in three of each class is taken for the next class.
MatrixChart many_classes(std::size_t count) {
  MatrixChart chart{
      .title = "many", .rows_label = "actual", .columns_label = "predicted", .names = {}, .cells = {}, .marks = {}};
  for (std::size_t i = 0; i < count; ++i) {
    chart.names.push_back("class " + std::to_string(i));
    chart.cells.push_back({i, i, 2, 2 / 3.0});
    chart.cells.push_back({i, (i + 1) % count, 1, 1 / 3.0});
  }
  chart.marks.push_back({0, 1 % count, "class 0 as class 1"});
  return chart;
}

template <class Kind>
std::vector<Kind> shapes_of(const Drawing& drawing) {
  std::vector<Kind> shapes;
  for (const Shape& shape : drawing.shapes) {
    if (const auto* each = std::get_if<Kind>(&shape)) shapes.push_back(*each);
  }
  return shapes;
}

bool has_words(const Drawing& drawing, const std::string& words) {
  const auto texts = shapes_of<DrawnText>(drawing);
  return std::any_of(texts.begin(), texts.end(), [&](const DrawnText& text) { return text.text == words; });
}

std::vector<DrawnBox> named_boxes(const Drawing& drawing) {
  std::vector<DrawnBox> boxes = shapes_of<DrawnBox>(drawing);
  std::erase_if(boxes, [](const DrawnBox& box) { return box.name.empty(); });
  return boxes;
}

std::vector<std::string> matrix_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(MatrixDrawing, ShowsTheCellsThatAreNotEmpty) {
  const Drawing drawing = matrix_drawing(cats_and_dogs());
  const std::vector<DrawnBox> cells = named_boxes(drawing);
  ASSERT_EQ(cells.size(), 3U);
  EXPECT_EQ(cells[1].name, "actual cat, predicted dog: 3 (30.0 %)");
  EXPECT_EQ(cells[0].box.top, cells[1].box.top);
  EXPECT_EQ(cells[0].box.right, cells[1].box.left);
  EXPECT_EQ(cells[1].box.bottom, cells[2].box.top);
  for (const char* value : {"7", "3", "10"}) EXPECT_TRUE(has_words(drawing, value)) << value;
}

TEST(MatrixDrawing, IsDarkerWhereTheShareIsLarger) {
  const std::vector<DrawnBox> cells = named_boxes(matrix_drawing(cats_and_dogs()));
  EXPECT_LT(cells[1].paint.opacity, cells[0].paint.opacity);
  EXPECT_LT(cells[0].paint.opacity, cells[2].paint.opacity);
  EXPECT_DOUBLE_EQ(cells[2].paint.opacity, 1);
  EXPECT_NE(cells[0].paint.series, cells[1].paint.series);
}

TEST(MatrixDrawing, NamesEveryRowAndColumnOf37Classes) {
  const Drawing drawing = matrix_drawing(many_classes(37));
  const auto texts = shapes_of<DrawnText>(drawing);
  for (const char* name : {"class 0", "class 17", "class 36"}) {
    const auto turned = std::count_if(texts.begin(), texts.end(), [&](const DrawnText& text) {
      return text.text == name && text.turn == TextTurn::kUpwards;
    });
    const auto level = std::count_if(texts.begin(), texts.end(), [&](const DrawnText& text) {
      return text.text == name && text.turn == TextTurn::kNone;
    });
    EXPECT_EQ(turned, 1) << name;
    EXPECT_EQ(level, 1) << name;
  }
  EXPECT_LT(drawing.width, 1500);
  EXPECT_FALSE(has_words(drawing, "class 0 as class 1"));  // the cell shows its value
}

TEST(MatrixDrawing, OfAThousandClassesNamesSomeAndMarksTheCellsThatMatter) {
  const Drawing drawing = matrix_drawing(many_classes(1000));
  EXPECT_LT(drawing.width, 2400);
  EXPECT_TRUE(has_words(drawing, "class 0 as class 1"));
  EXPECT_TRUE(has_words(drawing, "rows: actual; columns: predicted; every 8th class has its name"));
  EXPECT_TRUE(has_words(drawing, "class 992"));
  EXPECT_FALSE(has_words(drawing, "class 993"));
}

TEST(MatrixDrawing, OfTenThousandClassesSaysWhatASquareStandsFor) {
  const Drawing drawing = matrix_drawing(many_classes(10'000));
  ASSERT_EQ(shapes_of<DrawnImage>(drawing).size(), 1U);
  EXPECT_EQ(shapes_of<DrawnImage>(drawing)[0].image.width, 2000);
  EXPECT_TRUE(has_words(drawing,
                        "rows: actual; columns: predicted; a square stands for 5 x 5 classes, as dark as its darkest"));
}

TEST(MatrixDrawing, BecomesPixelsAndSvg) {
  const Drawing drawing = matrix_drawing(cats_and_dogs());
  const core::Image image = drawing_image(drawing);
  const DrawnBox right = named_boxes(drawing)[2];
  const std::uint8_t* pixel =
      image.row(static_cast<int>(right.box.top) + 3) + 3 * (static_cast<int>(right.box.left) + 3);
  EXPECT_EQ((Rgb{pixel[0], pixel[1], pixel[2]}), kSeriesColours[0]);
  const std::string svg = drawing_svg(drawing);
  EXPECT_NE(svg.find("<title>actual cat, predicted dog: 3 (30.0 %)</title>"), std::string::npos);
  EXPECT_NE(svg.find("fill-opacity=\""), std::string::npos);
  EXPECT_NE(svg.find("transform=\"rotate(-90 "), std::string::npos);
}

TEST(MatrixDrawing, RefusesCellsThatAreNone) {
  MatrixChart chart = cats_and_dogs();
  chart.cells.push_back({2, 0, 1, 0.1});
  EXPECT_THROW(matrix_drawing(chart), std::invalid_argument);
  chart.cells.back() = {1, 0, 1, kNan};
  EXPECT_THROW(matrix_text(chart), std::invalid_argument);
  EXPECT_THROW(matrix_text(MatrixChart{}), std::invalid_argument);
}

TEST(MatrixText, ShowsNumbersWhereTheyFit) {
  EXPECT_EQ(matrix_text(cats_and_dogs()),
            "Confusion matrix\n"
            "rows: actual; columns: predicted, in the same order\n"
            "        1  2\n"
            " 1 cat  7  3\n"
            " 2 dog  . 10\n");
}

TEST(MatrixText, ShowsShadesWhereNumbersDoNotFit) {
  const std::string text = matrix_text(many_classes(37), {.columns = 80, .glyphs = TextGlyphs::kAscii});
  const std::vector<std::string> lines = matrix_lines(text);
  EXPECT_NE(std::find(lines.begin(), lines.end(), "class 0  #*"), lines.end()) << text;
  EXPECT_NE(std::find(lines.begin(), lines.end(), "class 1   #*"), lines.end()) << text;
}

TEST(MatrixText, FitsEveryTerminal) {
  for (const int columns : {20, 33, 80, 200}) {
    for (const std::size_t classes : {1U, 2U, 37U, 1000U}) {
      const std::string text = matrix_text(many_classes(classes), {.columns = columns});
      for (const std::string& line : matrix_lines(text)) {
        EXPECT_LE(core::text_width(line), static_cast<std::size_t>(columns)) << classes << ": " << line;
      }
    }
  }
}

TEST(MatrixText, SaysHowManyClassesACharacterStandsFor) {
  const std::string text = matrix_text(many_classes(1000), {.columns = 120});
  EXPECT_NE(text.find("stands for 10 x 10 classes"), std::string::npos) << text;
}

TEST(MatrixText, KeepsNamesOfAnyScriptOnTheirLine) {
  MatrixChart chart = cats_and_dogs();
  chart.names = {"кошка\t\n", "犬<b>\x1b[31m"};
  const std::string text = matrix_text(chart);
  EXPECT_NE(text.find(" 1 кошка"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(matrix_lines(text).size(), 5U);
}

}  // namespace
}  // namespace margay::chart
