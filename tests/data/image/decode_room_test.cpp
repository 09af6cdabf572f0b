// Large images are decoded one after the other, small ones at once.
#include "margay/data/image/decode_room.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "margay/data/image/codec.h"
#include "margay/data/image/read_image.h"
#include "tests/support/image_samples.h"

namespace margay::data {
namespace {

/// The most threads that hold room at once when each asks for so much.
int most_at_once(std::uint64_t bytes, int threads) {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::vector<std::jthread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      const DecodeRoom room(bytes);
      const int here = ++now;
      for (int seen = most; here > seen && !most.compare_exchange_weak(seen, here);) {
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      --now;
    });
  }
  running.clear();
  return most;
}

TEST(DecodeRoom, HoldsOneOfTheLargestImages) {
  EXPECT_EQ(most_at_once(DecodeRoom::kLargest, 6), 1);
  EXPECT_EQ(most_at_once(std::uint64_t{1} << 50U, 6), 1) << "more than there is";
}

TEST(DecodeRoom, HoldsAllSmallImages) {
  EXPECT_EQ(DecodeRoom(DecodeRoom::kSmall - 1).bytes(), 0U);
  EXPECT_EQ(most_at_once(DecodeRoom::kSmall - 1, 6), 6);
}

TEST(DecodeRoom, HoldsSeveralLargeImages) { EXPECT_GE(most_at_once(DecodeRoom::kSmall, 4), 2); }

TEST(DecodeRoom, IsFreeAgainWhenItsHolderGoes) {
  DecodeRoom first(DecodeRoom::kLargest);
  EXPECT_GT(first.bytes(), 0U);
  DecodeRoom second = std::move(first);
  first = DecodeRoom();
  second = DecodeRoom();
  const DecodeRoom third(DecodeRoom::kLargest);  // would wait forever
  EXPECT_GT(third.bytes(), 0U);
}

/// The header of a PNG of that size, and nothing else.
testing_support::FileBytes png_header(std::uint32_t height, std::uint32_t width) {
  testing_support::FileBytes file = testing_support::image_sample("rgb.png");
  for (int i = 0; i < 4; ++i) {
    file[static_cast<std::size_t>(16 + i)] = static_cast<std::uint8_t>(width >> (24 - 8 * i));
    file[static_cast<std::size_t>(20 + i)] = static_cast<std::uint8_t>(height >> (24 - 8 * i));
  }
  return file;
}

TEST(DecodeRoom, IsTakenByWhatTheHeaderClaims) {
  EXPECT_EQ(room_for(png_header(3000, 4000), {}).bytes(), 0U) << "12 megapixels";
  EXPECT_GT(room_for(png_header(13000, 13000), {}).bytes(), DecodeRoom::kSmall);
  EXPECT_EQ(room_for(png_header(100'000, 100'000), {}).bytes(), 0U) << "is refused, so not decoded";
  EXPECT_EQ(room_for(testing_support::image_sample("text.pgm"), {}).bytes(), 0U);
  EXPECT_EQ(room_for({}, {}).bytes(), 0U);
}

TEST(DecodeRoom, CountsTheCoefficientsOfAProgressiveJpeg) {
  const auto baseline = jpeg_memory(testing_support::image_sample("baseline.jpg"), {});
  EXPECT_EQ(jpeg_memory(testing_support::image_sample("progressive.jpg"), {}), 2 * baseline);
  EXPECT_EQ(baseline, 6U * 24 * 16);
}

}  // namespace
}  // namespace margay::data
