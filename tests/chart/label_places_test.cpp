#include "margay/chart/label_places.h"

#include <gtest/gtest.h>

namespace margay::chart {
namespace {

bool overlap(const PlotBox& a, const PlotBox& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

TEST(LabelPlaces, AreApartEvenWhenTheirPointsAreNot) {
  std::vector<LabelWish> wishes(12, LabelWish{{300, 200}, 110, 14});
  const PlotBox bounds = {0, 0, 800, 400};
  const std::vector<PlotBox> places = label_places(wishes, {{{0, 200}, {800, 200}}}, bounds);
  ASSERT_EQ(places.size(), wishes.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) EXPECT_FALSE(overlap(places[i], places[k])) << i << " " << k;
    EXPECT_GE(places[i].left, bounds.left);
    EXPECT_LE(places[i].right, bounds.right);
    EXPECT_GE(places[i].top, bounds.top);
    EXPECT_LE(places[i].bottom, bounds.bottom);
  }
}

TEST(LabelPlaces, PreferTheUpperRightAndLeaveTheCurveFree) {
  const PlotRun falling = {{0, 0}, {100, 100}};
  const PlotBox right = label_places({{{50, 50}, 40, 14}}, {falling}, {0, 0, 200, 100}).front();
  EXPECT_GT(right.left, 50);
  EXPECT_LT(right.bottom, 50);
  const PlotRun rising = {{0, 100}, {100, 0}};
  const PlotBox aside = label_places({{{50, 50}, 40, 14}}, {rising}, {0, 0, 200, 100}).front();
  EXPECT_FALSE(aside.left > 50 && aside.bottom < 50);
}

TEST(LabelPlaces, FitIntoACorner) {
  const PlotBox place = label_places({{{199, 1}, 60, 14}}, {}, {0, 0, 200, 100}).front();
  EXPECT_LE(place.right, 200);
  EXPECT_GE(place.top, 0);
}

}  // namespace
}  // namespace margay::chart
