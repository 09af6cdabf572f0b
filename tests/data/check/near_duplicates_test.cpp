#include <algorithm>
#include <bit>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "margay/core/random.h"
#include "margay/data/check/check_data.h"
#include "margay/data/check/fingerprint.h"
#include "margay/data/check/near_duplicates.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "margay/data/image/write_image.h"
#include "margay/data/sample/sample.h"
#include "margay/data/source/image_files.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

using Pairs = std::set<std::pair<std::size_t, std::size_t>>;

Pairs found_by_index(const NearHashes& index, std::uint64_t mask) {
  Pairs found;
  const auto set_of = [](std::size_t i) { return i; };
  const NearSearch search = index.for_each_pair(mask, set_of, [&](std::size_t i, std::size_t j) {
    EXPECT_TRUE(found.emplace(i, j).second) << i << " meets " << j << " again";
  });
  EXPECT_EQ(search.met, found.size());
  return found;
}

Pairs found_by_brute_force(const std::vector<std::uint64_t>& hashes, int radius, std::uint64_t mask) {
  Pairs found;
  for (std::size_t j = 0; j < hashes.size(); ++j) {
    for (std::size_t i = 0; i < j; ++i) {
      if (std::popcount(hashes[i] ^ hashes[j] ^ mask) <= radius) found.emplace(i, j);
    }
  }
  return found;
}

/// The hash with `bits` drawn ones flipped.
std::uint64_t flipped(std::uint64_t hash, std::uint64_t bits, core::Random& random) {
  std::uint64_t flips = 0;
  while (std::popcount(flips) < static_cast<int>(bits)) flips |= std::uint64_t{1} << random.below(64);
  return hash ^ flips;
}

RC_GTEST_PROP(NearHashes, FindsWhatBruteForceFinds, (std::uint64_t seed)) {
  core::Random random{seed};
  const int radius = static_cast<int>(random.below(17));
  std::vector<std::uint64_t> hashes;
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t centre = random.next();
    for (int k = 0; k < 10; ++k) hashes.push_back(flipped(centre, random.below(22), random));
  }
  const NearHashes index(hashes, radius);
  for (const std::uint64_t mask : {std::uint64_t{0}, random.next(), hashes[0] ^ hashes[11]}) {
    RC_ASSERT(found_by_index(index, mask) == found_by_brute_force(hashes, radius, mask));
  }
}

TEST(NearHashes, FindsPlantedOnesAmongAHundredThousand) {
  core::Random random{1};
  std::vector<std::uint64_t> hashes;
  for (int i = 0; i < 99'000; ++i) hashes.push_back(random.next());
  for (std::size_t i = 0; i < 1'000; ++i) hashes.push_back(flipped(hashes[i], i % 11, random));
  const NearHashes index(hashes, 10);
  const Pairs found = found_by_index(index, 0);
  for (std::size_t i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(found.contains({i, 99'000 + i})) << "at distance " << i % 11;
  }
}

/// A hundred thousand that differ from one in three bits at most.
std::vector<std::uint64_t> crowd() {
  core::Random random{2};
  std::vector<std::uint64_t> hashes;
  for (std::uint64_t i = 0; i < 100'000; ++i) hashes.push_back(flipped(0x0123456789ABCDEF, i % 4, random));
  return hashes;
}

bool is_cut(std::uint8_t cut) { return cut != 0; }

TEST(NearHashes, OfACrowdThatIsNotAlikeMeetALimitedNumberAndSaySo) {
  const std::vector<std::uint64_t> hashes = crowd();
  const NearHashes index(hashes, 10);
  std::size_t visits = 0;
  const auto set_of = [](std::size_t i) { return i; };
  const NearSearch search = index.for_each_pair(0, set_of, [&](std::size_t, std::size_t) { ++visits; });
  EXPECT_EQ(search.met, visits);
  EXPECT_LE(visits, index.most_met() * hashes.size());
  EXPECT_LT(index.most_met(), 400U);
  EXPECT_GT(std::count_if(search.cut.begin(), search.cut.end(), is_cut), 99'000);
}

TEST(NearHashes, OfACrowdThatIsAlikeMeetOncePerImageAndMissNone) {
  const std::vector<std::uint64_t> hashes = crowd();
  const NearHashes index(hashes, 10);
  std::vector<bool> has_joined(hashes.size());
  const auto set_of = [&](std::size_t i) { return has_joined[i] ? 0 : i; };
  const NearSearch search = index.for_each_pair(0, set_of, [&](std::size_t, std::size_t j) { has_joined[j] = true; });
  EXPECT_EQ(search.met, hashes.size() - 1);
  EXPECT_TRUE(std::none_of(search.cut.begin(), search.cut.end(), is_cut));
}

TEST(NearHashes, UpToSomeThousandsAllMeet) {
  std::vector<std::uint64_t> hashes = crowd();
  hashes.resize(500);
  const NearHashes index(hashes, 10);
  EXPECT_EQ(found_by_index(index, 0).size(), 500U * 499 / 2);
}

TEST(NearHashes, OfNoneFindsNone) {
  const NearHashes index({}, 16);
  EXPECT_TRUE(found_by_index(index, 0).empty());
}

TEST(NearHashes, RefusesARadiusThatWouldSearchEverything) {
  EXPECT_THROW(NearHashes({}, 17), std::invalid_argument);
  EXPECT_THROW(NearHashes({}, -1), std::invalid_argument);
}

using testing_support::TemporaryFolder;

core::Image scaled(const core::Image& image, int height, int width) { return resample(image, height, width); }

Fingerprint fingerprint(const core::Image& image) {
  return fingerprint_of(scaled(image, Fingerprint::kSide, Fingerprint::kSide));
}

core::Image brighter(core::Image image, int by) {
  for (std::uint8_t& byte : image.pixels) byte = static_cast<std::uint8_t>(std::min(255, byte + by));
  return image;
}

core::Image mirrored(const core::Image& image) {
  core::Image result(image.height, image.width);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      std::copy_n(image.row(y) + 3 * x, 3, result.row(y) + 3 * (image.width - 1 - x));
    }
  }
  return result;
}

/// Images that the sample draws.
class SampleImages : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const TemporaryFolder folder;
    draw_sample(folder / "sample", {.per_class = 4});
    for (const auto& path : image_files(folder / "sample")) images_->push_back(read_image(path));
  }
  static void TearDownTestSuite() { images_->clear(); }
  static const std::vector<core::Image>& images() { return *images_; }

  static inline auto images_ = std::make_unique<std::vector<core::Image>>();
};

int distance(const Fingerprint& a, const Fingerprint& b) { return std::popcount(a.hash ^ b.hash); }

TEST_F(SampleImages, LookTheSameAfterScalingCompressionAndALittleLight) {
  const CheckOptions options;
  const TemporaryFolder folder;
  for (const core::Image& image : images()) {
    write_jpeg(folder / "small.jpg", scaled(image, image.height / 2, image.width / 2), 40);
    for (const core::Image& copy : {scaled(image, image.height * 3 / 2, image.width * 3 / 2),
                                    read_image(folder / "small.jpg"), brighter(image, 12)}) {
      EXPECT_LE(distance(fingerprint(image), fingerprint(copy)), options.near_bits);
      EXPECT_GE(correlation(fingerprint(image), fingerprint(copy)), options.near_correlation);
    }
  }
}

TEST_F(SampleImages, LookDifferentFromEachOther) {
  const CheckOptions options;
  for (std::size_t i = 0; i < images().size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_LT(correlation(fingerprint(images()[i]), fingerprint(images()[j])), options.near_correlation - 0.1)
          << i << ' ' << j;
    }
  }
}

TEST_F(SampleImages, LookMirroredWhenTheyAre) {
  const CheckOptions options;
  for (const core::Image& image : images()) {
    const Fingerprint there = fingerprint(image);
    const Fingerprint back = fingerprint(mirrored(image));
    EXPECT_LE(std::popcount(there.hash ^ back.mirrored_hash()), options.near_bits);
    EXPECT_GE(correlation(there, back, {.is_mirrored = true}), options.near_correlation);
    EXPECT_EQ(there.hash, Fingerprint{.hash = there.mirrored_hash()}.mirrored_hash());
  }
}

TEST(Fingerprint, OfOneColourCorrelatesWithNothing) {
  const Fingerprint flat = fingerprint_of(core::Image(Fingerprint::kSide, Fingerprint::kSide));
  EXPECT_EQ(correlation(flat, flat), 0);
}

}  // namespace

}  // namespace margay::data
