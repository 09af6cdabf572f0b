// The study notes' two tables (chapter 5 of the fast.ai book: six images, two classes), as the X-ray shows them.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/interpret/xray.h"

namespace margay::interpret {
namespace {

constexpr double kLastDigit = 1e-4;  // the notes print four digits, of float32 activations

torch::Tensor targets() { return torch::tensor({0, 1, 0, 1, 1, 0}, torch::kLong); }

SoftmaxXray first_table() {
  return softmax_xray(torch::tensor({{2.3771, -2.8988},
                                     {-2.6314, 0.1466},
                                     {1.1035, 0.5041},
                                     {-3.1179, -2.0637},
                                     {3.7481, -1.0225},
                                     {-2.2668, 1.5217}},
                                    torch::kDouble),
                      targets());
}

SoftmaxXray second_table() {
  return softmax_xray(torch::tensor({{-0.9916, -2.2545},
                                     {0.1560, -1.9368},
                                     {-0.6164, 1.1047},
                                     {-2.0798, -2.1778},
                                     {1.6429, -3.7728},
                                     {-1.2445, -2.9512}},
                                    torch::kDouble),
                      targets());
}

void expect_softmax(const SoftmaxXray& xray, const std::vector<std::pair<double, double>>& expected) {
  ASSERT_EQ(xray.rows.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(xray.rows[i].classes[0].probability, expected[i].first, kLastDigit) << i;
    EXPECT_NEAR(xray.rows[i].classes[1].probability, expected[i].second, kLastDigit) << i;
  }
}

TEST(NotesXray, FirstTablesSoftmax) {
  expect_softmax(first_table(),
                 {{.9949, .0051}, {.0585, .9415}, {.6455, .3545}, {.2584, .7416}, {.9916, .0084}, {.0221, .9779}});
}

TEST(NotesXray, FirstTablesLosses) {
  const SoftmaxXray xray = first_table();
  const std::vector<double> expected = {.0051, .0603, .4377, .2990, 4.7790, 3.8108};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(xray.rows[i].target->loss, expected[i], kLastDigit) << i;
    EXPECT_NEAR(xray.rows[i].classes[xray.rows[i].target->index].negative_log, expected[i], kLastDigit) << i;
  }
  EXPECT_NEAR(xray.summary->mean_loss, 1.5653, kLastDigit);
  EXPECT_EQ(xray.summary->heaviest_row, "row 5");
  EXPECT_NEAR(xray.summary->heaviest_share, 4.7790 / 9.3919, kLastDigit);
}

TEST(NotesXray, SecondTablesSoftmaxAndPickedProbabilities) {
  const SoftmaxXray xray = second_table();
  expect_softmax(xray,
                 {{.7795, .2205}, {.8902, .1098}, {.1517, .8483}, {.5245, .4755}, {.9956, .0044}, {.8464, .1536}});
  const std::vector<double> picked = {.7795, .1098, .1517, .4755, .0044, .8464};
  for (std::size_t i = 0; i < picked.size(); ++i) {
    EXPECT_NEAR(xray.rows[i].target->probability, picked[i], kLastDigit) << i;
  }
}

TEST(NotesXray, SigmoidsOfARowDoNotSumToOneAndExpsKeepTheirRatio) {
  const SoftmaxRow row = first_table().rows[2];
  EXPECT_NEAR(row.sum(&SoftmaxTerm::sigmoid), .7509 + .6234, kLastDigit);
  EXPECT_NEAR(row.sum(&SoftmaxTerm::probability), 1, 1e-15);
  EXPECT_NEAR(row.classes[1].exp / row.classes[0].exp, std::exp(0.5041 - 1.1035), 1e-15);
}

}  // namespace
}  // namespace margay::interpret
