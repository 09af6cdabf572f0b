#include "margay/data/source/known_images.h"

#include <cmath>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

#include "margay/core/checksum.h"
#include "margay/core/random.h"
#include "margay/data/loader/loader.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

using testing_support::file_content;
using testing_support::TemporaryFolder;

std::vector<std::uint64_t> random_digests(std::size_t count, std::uint64_t seed) {
  core::Random random({seed});
  std::vector<std::uint64_t> digests;
  for (std::size_t i = 0; i < count; ++i) digests.push_back(random.next());
  return digests;
}

TEST(DigestSet, FindsWhatItHolds) {
  const std::vector<std::uint64_t> digests = random_digests(5000, 1);
  const DigestSet set(digests);
  EXPECT_EQ(set.size(), digests.size());
  for (const std::uint64_t digest : digests) EXPECT_TRUE(set.contains(digest));
  EXPECT_FALSE(DigestSet().contains(0));
}

TEST(DigestSet, TakesFiveBytesForEachOfAMillion) {
  EXPECT_EQ(DigestSet(random_digests(16, 2)).width(), 3);
  EXPECT_EQ(DigestSet(random_digests(17, 2)).width(), 4);
  EXPECT_EQ(DigestSet(random_digests(4294, 2)).width(), 4);
  EXPECT_EQ(DigestSet(random_digests(4296, 2)).width(), 5);
  const DigestSet million(random_digests(1'000'000, 3));
  EXPECT_EQ(million.width(), 5);
  EXPECT_LE(million.bytes().size(), 5'000'000U);
}

TEST(DigestSet, RaisesAFalseAlarmInAMillionAtMost) {
  for (const std::size_t size : {16U, 4000U, 100'000U}) {
    const DigestSet set(random_digests(size, 4));
    const double numbers = std::pow(256.0, set.width());
    EXPECT_LT(static_cast<double>(set.size()) / numbers, 1e-6);
    std::size_t alarms = 0;
    for (const std::uint64_t digest : random_digests(200'000, 5)) alarms += set.contains(digest) ? 1 : 0;
    EXPECT_LE(alarms, 2U) << size;  // 0.2 are expected
  }
}

TEST(DigestSet, ComesBackFromItsBytes) {
  const DigestSet set(random_digests(100, 6));
  EXPECT_EQ(DigestSet(set.bytes(), set.width()).bytes(), set.bytes());
  const auto refused = [](std::vector<std::uint8_t> bytes, int width) {
    return testing_support::thrown_message<std::invalid_argument>([&] { DigestSet(std::move(bytes), width); });
  };
  EXPECT_EQ(refused({1, 2, 3, 4}, 3), "4 bytes are no digests of 3 bytes each");
  EXPECT_EQ(refused({1, 2}, 2), "2 bytes are no digests of 2 bytes each");
  EXPECT_EQ(refused({0, 0, 2, 0, 0, 1}, 3), "digest 1 is not above the one before it");
}

class KnownImagesTest : public testing::Test {
 protected:
  KnownImagesTest() {
    testing_support::write_tiny_images(folder_.path(), 3, 0);
    for (const int kind : {0, 1}) {
      for (int i = 0; i < 2; ++i) {
        write_png(folder_ / "valid" / (kind == 0 ? "flat" : "upright") / (std::to_string(i) + ".png"),
                  testing_support::striped_image(kind, 6 + i, 24));
      }
    }
  }

  Datasets datasets() const { return testing_support::tiny_block(folder_.path()).datasets(); }
  KnownImages known(Unread unread, const std::filesystem::path& root = {}) const {
    const Datasets sets = datasets();
    return known_images(*sets.train, sets.valid.get(), root.empty() ? folder_.path() : root, unread);
  }
  std::uint64_t checksum_of(const std::string& name) const {
    const std::string bytes = file_content(folder_ / name);
    return core::checksum({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }

  TemporaryFolder folder_;
};

TEST_F(KnownImagesTest, TellsByNamesAndByContentsApart) {
  const KnownImages images = known(Unread::kRead);
  EXPECT_EQ(images.part_of_name("train/flat/0.png"), TrainingPart::kTrain);
  EXPECT_EQ(images.part_of_name("valid/upright/1.png"), TrainingPart::kValid);
  EXPECT_EQ(images.part_of_name("valid/upright/2.png"), TrainingPart::kNone);
  EXPECT_EQ(images.part_of_contents(checksum_of("train/flat/2.png")), TrainingPart::kTrain);
  EXPECT_EQ(images.part_of_contents(checksum_of("valid/flat/0.png")), TrainingPart::kValid);
  EXPECT_EQ(images.part_of_contents(1), TrainingPart::kNone);
}

TEST_F(KnownImagesTest, RemembersOnlyNamesOfImagesThatNobodyHasRead) {
  const KnownImages images = known(Unread::kLeave);
  EXPECT_EQ(images.part_of_name("train/flat/0.png"), TrainingPart::kTrain);
  EXPECT_TRUE(images.train_contents.empty());
  EXPECT_TRUE(images.valid_contents.empty());
}

TEST_F(KnownImagesTest, NeedsNoReadingOfWhatALoaderHasRead) {
  Datasets sets;
  const TemporaryFolder place;
  // Twice from disk: a second loader reads no file.
  for (const CacheKind cache : {CacheKind::kOff, CacheKind::kRam, CacheKind::kDisk, CacheKind::kDisk}) {
    sets = datasets();
    const Loader loader(sets.valid, ImagePipeline({.resize = {.size = 24}, .augment = {.size = 16}}), Phase::kValid,
                        {.batch_size = 2, .num_workers = 1, .cache = cache, .cache_folder = place.path()});
    for (const Batch& batch : testing_support::all_batches(loader.pass())) EXPECT_FALSE(batch.ids.empty());
    for (std::size_t i = 0; i < sets.valid->size(); ++i) {
      EXPECT_EQ(sets.valid->contents().of(i), checksum_of(sets.valid->path(i).lexically_relative(folder_.path())));
    }
  }
  const KnownImages images = known_images(*sets.train, sets.valid.get(), folder_.path(), Unread::kLeave);
  EXPECT_EQ(images.valid_contents.size(), sets.valid->size());
}

TEST_F(KnownImagesTest, GivesTheSameDigestsForTheSameTraining) {
  const KnownImages images = known(Unread::kRead);
  const KnownImages again = known(Unread::kRead);
  EXPECT_EQ(again.salt, images.salt);
  EXPECT_EQ(again.train_names.bytes(), images.train_names.bytes());
  EXPECT_EQ(again.train_contents.bytes(), images.train_contents.bytes());
  std::filesystem::remove(folder_ / "train/flat/0.png");
  const KnownImages other = known(Unread::kRead);
  EXPECT_NE(other.salt, images.salt);
  EXPECT_NE(other.valid_names.bytes(), images.valid_names.bytes()) << "digests of two trainings cannot be compared";
}

TEST_F(KnownImagesTest, FindsTheFolderThatHoldsAllImages) {
  const Datasets sets = datasets();
  const KnownImages images = known_images(*sets.train, sets.valid.get(), "", Unread::kLeave);
  EXPECT_EQ(images.part_of_name("train/flat/0.png"), TrainingPart::kTrain);
}

TEST_F(KnownImagesTest, LeavesOutImagesThatCannotBeRead) {
  const Datasets sets = datasets();
  std::filesystem::remove(folder_ / "train/flat/0.png");
  const KnownImages images = known_images(*sets.train, nullptr, folder_.path(), Unread::kRead);
  EXPECT_EQ(images.train_names.size(), 6U);
  EXPECT_EQ(images.train_contents.size(), 5U);
}

}  // namespace
}  // namespace margay::data
