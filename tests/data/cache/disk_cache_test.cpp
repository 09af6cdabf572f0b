#include <csignal>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/data/cache/disk_cache.h"
#include "tests/support/image_samples.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::file_content;
using testing_support::noise_image;
using testing_support::TemporaryFolder;

constexpr std::uint64_t kLimit = 100'000'000;
constexpr int kCachedImages = 4;

/// Image `number`: another size and content for each.
CachedImage image(int number) {
  const int height = 5 + number;
  return {noise_image(height, 7, static_cast<std::uint64_t>(number)), 2 * height, 14};
}

bool is_same(const CachedImage& a, const CachedImage& b) {
  return a.image.pixels == b.image.pixels && a.image.height == b.image.height && a.image.width == b.image.width &&
         a.source_height == b.source_height && a.source_width == b.source_width;
}

class DiskCacheTest : public testing::Test {
 protected:
  DiskCacheTest() {
    for (int i = 0; i < kCachedImages; ++i) write_source(i, "source");
  }

  std::string source(int i) const { return (folder_ / ("image" + std::to_string(i))).string(); }
  void write_source(int i, const std::string& content) const { std::ofstream(source(i)) << content; }
  CacheKey key(int i) const { return cache_key(source(i)); }
  fs::path cache_folder() const { return folder_ / "cache"; }
  fs::path cache_file() const { return fs::directory_iterator(cache_folder())->path(); }
  /// The name of an old file is the checksum of this text.
  DiskCache open(std::uint64_t limit = kLimit) const { return {cache_folder(), "recipe", limit}; }

  void fill() const {
    DiskCache cache = open();
    for (int i = 0; i < kCachedImages; ++i) cache.keep(key(i), image(i));
  }
  /// Whether image i is found; what is found must be right.
  bool finds(DiskCache& cache, int i) const {
    CachedImage room;
    const CachedImage* found = cache.find(key(i), room);
    EXPECT_TRUE(found == nullptr || is_same(*found, image(i)));
    return found != nullptr;
  }
  int count_found(DiskCache& cache) const {
    int found = 0;
    for (int i = 0; i < kCachedImages; ++i) found += finds(cache, i) ? 1 : 0;
    return found;
  }
  void write_cache_file(const std::string& bytes) const {
    std::ofstream(cache_file(), std::ios::binary | std::ios::trunc) << bytes;
  }

  TemporaryFolder folder_;
};

TEST_F(DiskCacheTest, FindsInALaterRunWhatItKept) {
  fill();
  DiskCache cache = open();
  EXPECT_EQ(count_found(cache), kCachedImages);
  EXPECT_EQ(cache.stats().images, 4U);
  EXPECT_EQ(cache.stats().hits, 4U);
  EXPECT_EQ(cache.stats().note, "");
  EXPECT_EQ(cache.stats().text(), "4 of 4 images fit in 100 MB");
}

TEST_F(DiskCacheTest, FindsNothingUnderAnotherRecipe) {
  fill();
  DiskCache cache(cache_folder(), "another transforms", kLimit);
  EXPECT_EQ(count_found(cache), 0);
}

TEST_F(DiskCacheTest, DoesNotServeAnImageThatChanged) {
  fill();
  write_source(1, "other");  // the same number of bytes, another time
  fs::last_write_time(source(2), fs::last_write_time(source(2)) + std::chrono::nanoseconds(1));
  write_source(3, "longer than it was");
  DiskCache cache = open();
  EXPECT_TRUE(finds(cache, 0));
  EXPECT_FALSE(finds(cache, 1));
  EXPECT_FALSE(finds(cache, 2));
  EXPECT_FALSE(finds(cache, 3));
  cache.keep(key(1), image(1));
  EXPECT_TRUE(finds(cache, 1));
  fs::remove(source(0));
  EXPECT_FALSE(finds(cache, 0));
}

TEST_F(DiskCacheTest, SurvivesAWriterKilledAtAnyByte) {
  fill();
  const std::string whole = file_content(cache_file());
  int most = 0;
  for (std::size_t size = 0; size <= whole.size(); size += 7) {
    write_cache_file(whole.substr(0, size));
    {
      DiskCache cache = open();
      const int found = count_found(cache);
      EXPECT_GE(found, most);  // in the order of writing
      most = std::max(most, found);
      for (int i = 0; i < kCachedImages; ++i) cache.keep(key(i), image(i));
      EXPECT_EQ(count_found(cache), kCachedImages);
    }
    DiskCache again = open();
    EXPECT_EQ(count_found(again), kCachedImages) << "cut at " << size;
    EXPECT_EQ(fs::file_size(cache_file()), whole.size());
  }
}

TEST_F(DiskCacheTest, SurvivesAHoleWhereAWriteNeverArrived) {
  fill();
  const std::string whole = file_content(cache_file());
  const std::uint64_t record[] = {make_header(source(0), {}, image(0)).record_bytes(),
                                  make_header(source(1), {}, image(1)).record_bytes()};
  const std::size_t first = whole.find("rIm3");  // the magic number of a record
  std::string torn = whole;
  torn.replace(first + record[0], record[1], record[1], '\0');
  write_cache_file(torn);
  {
    DiskCache cache = open();
    for (int i = 0; i < kCachedImages; ++i) EXPECT_EQ(finds(cache, i), i == 0) << i;
    for (int i = 0; i < kCachedImages; ++i) cache.keep(key(i), image(i));
    EXPECT_EQ(count_found(cache), kCachedImages);
  }
  DiskCache again = open();
  EXPECT_EQ(count_found(again), kCachedImages);
  EXPECT_EQ(fs::file_size(cache_file()), whole.size());
}

TEST_F(DiskCacheTest, ServesNoFlippedByte) {
  fill();
  const std::string whole = file_content(cache_file());
  for (std::size_t i = 0; i < whole.size(); i += 5) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    write_cache_file(damaged);
    DiskCache cache = open();
    EXPECT_LT(count_found(cache), kCachedImages) << "byte " << i;
    for (int k = 0; k < kCachedImages; ++k) cache.keep(key(k), image(k));
    EXPECT_EQ(count_found(cache), kCachedImages);
  }
}

TEST_F(DiskCacheTest, ReplacesAFileOfAnotherVersion) {
  fs::create_directories(cache_folder());
  fill();
  std::string bytes = file_content(cache_file());
  bytes[8] = 99;
  write_cache_file(bytes);
  {
    DiskCache cache = open();
    EXPECT_EQ(count_found(cache), 0);
    cache.keep(key(0), image(0));
  }
  DiskCache again = open();
  EXPECT_EQ(count_found(again), 1);
}

/// The file as it was written while sums were those of before XXH3.
std::string old_file(const std::vector<std::pair<CacheKey, CachedImage>>& images) {
  std::string bytes("margaypc\x01\0\0\0\x04\x03\x02\x01", 16);
  for (const auto& [key, cached] : images) {
    RecordHeader header = make_header(key.path.native(), *key.version, cached);
    header.magic = 0x43695072;
    header.pixel_checksum = core::checksum_before_xxh3(cached.image.pixels);
    header.own_checksum = header.checksum_with(key.path.native());
    bytes.append(reinterpret_cast<const char*>(&header), sizeof header).append(key.path.native());
    bytes.append(cached.image.pixels.begin(), cached.image.pixels.end());
    const std::uint64_t mark = ~header.own_checksum;
    bytes.append(reinterpret_cast<const char*>(&mark), sizeof mark);
  }
  return bytes;
}

TEST_F(DiskCacheTest, ReadsAFileOfTheOldNameAndSums) {
  fs::create_directories(cache_folder());
  const std::string bytes = old_file({{key(0), image(0)}, {key(1), image(1)}});
  std::ofstream(cache_folder() / "pictures-d5e9c2e2abbef6f9.cache", std::ios::binary) << bytes;
  {
    DiskCache cache = open();
    EXPECT_TRUE(finds(cache, 0));
    EXPECT_TRUE(finds(cache, 1));
    EXPECT_FALSE(finds(cache, 2));
    cache.keep(key(2), image(2));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(cache_folder()), {}), 1);
  EXPECT_TRUE(cache_file().filename().string().starts_with("images-"));
  DiskCache again = open();
  EXPECT_EQ(count_found(again), 3) << "records of both kinds in one file";
}

TEST_F(DiskCacheTest, ServesNoFlippedByteOfAnOldFile) {
  fill();
  const std::string whole = old_file({{key(0), image(0)}});
  for (std::size_t i = 0; i < whole.size(); i += 5) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    write_cache_file(damaged);
    DiskCache cache = open();
    EXPECT_FALSE(finds(cache, 0)) << "byte " << i;
  }
}

TEST_F(DiskCacheTest, LetsOneProcessWriteAndOthersRead) {
  DiskCache cache = open();
  cache.keep(key(0), image(0));
  const pid_t child = fork();
  if (child == 0) {
    DiskCache second = open();
    second.keep(key(1), image(1));
    const bool is_right =
        finds(second, 0) && !finds(second, 1) && !second.stats().note.empty() && second.stats().left_out == 1;
    _exit(is_right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  cache.keep(key(1), image(1));
  EXPECT_EQ(count_found(cache), 2);
}

TEST_F(DiskCacheTest, StaysWithinItsLimit) {
  const std::uint64_t record = make_header(source(0), {}, image(0)).record_bytes();
  DiskCache cache = open(2 * record);
  for (int i = 0; i < kCachedImages; ++i) cache.keep(key(i), image(i));
  EXPECT_EQ(count_found(cache), 1);
  EXPECT_EQ(cache.stats().left_out, 3U);
  EXPECT_LE(fs::file_size(cache_file()), 2 * record);
}

TEST_F(DiskCacheTest, CountsOnlyTheImagesThatWereAskedFor) {
  fill();  // another data set's are in there too
  DiskCache cache = open();
  EXPECT_EQ(cache.stats().images, 0U);
  EXPECT_TRUE(finds(cache, 2));
  EXPECT_EQ(cache.stats().text(), "1 of 1 images fit in 100 MB");
  write_source(2, "changed, and there is no more room");
  DiskCache full = open(1);
  EXPECT_TRUE(finds(full, 1));
  EXPECT_FALSE(finds(full, 2));
  full.keep(key(2), image(2));
  EXPECT_EQ(full.stats().images, 1U);
  EXPECT_EQ(full.stats().left_out, 1U);
}

TEST_F(DiskCacheTest, StopsWritingWhenTheDiskIsFull) {
  DiskCache cache = open();
  cache.keep(key(0), image(0));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full = {fs::file_size(cache_file()) + 100, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  cache.keep(key(1), image(1));
  cache.keep(key(2), image(2));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(count_found(cache), 1);
  EXPECT_NE(cache.stats().note.find("writing stopped"), std::string::npos);
  EXPECT_EQ(cache.stats().left_out, 2U);
  cache.keep(key(3), image(3));
  EXPECT_EQ(count_found(cache), 1);
}

TEST_F(DiskCacheTest, NamesAFolderThatCannotBe) {
  EXPECT_THROW(DiskCache(source(0), "transforms", kLimit), core::IoError);
}

}  // namespace

}  // namespace margay::data
