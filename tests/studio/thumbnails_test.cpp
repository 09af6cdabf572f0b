#include "apps/studio/thumbnails.h"

#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "margay/core/error.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/write_image.h"
#include "tests/support/image_samples.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using testing_support::gradient_image;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

core::Image decoded(const std::string& jpeg) {
  return data::decode_image({reinterpret_cast<const std::uint8_t*>(jpeg.data()), jpeg.size()}, "a thumbnail");
}

TEST(Thumbnails, AreNoLargerThanAskedForAndKeepTheirShape) {
  TemporaryFolder folder;
  data::write_jpeg(folder / "large.jpg", gradient_image(600, 1200));
  data::write_png(folder / "small.png", gradient_image(20, 30));
  data::write_png(folder / "thin.png", gradient_image(3, 900));
  Thumbnails thumbnails(folder / "kept");
  const core::Image large = decoded(thumbnails.jpeg({folder / "large.jpg", 256}));
  EXPECT_EQ(large.width, 256);
  EXPECT_EQ(large.height, 128);
  EXPECT_NEAR(large.row(64)[3 * 128], 128, 6);  // red grows to the right
  const core::Image small = decoded(thumbnails.jpeg({folder / "small.png", 256}));
  EXPECT_EQ(small.width, 30);
  const core::Image thin = decoded(thumbnails.jpeg({folder / "thin.png", 128}));
  EXPECT_EQ(thin.width, 128);
  EXPECT_EQ(thin.height, 1);
}

TEST(Thumbnails, ComeInThreeSizesAndLargerOnesAreNotKept) {
  EXPECT_EQ(Thumbnails::side_for(1), 128);
  EXPECT_EQ(Thumbnails::side_for(129), 256);
  EXPECT_EQ(Thumbnails::side_for(512), 512);
  EXPECT_EQ(Thumbnails::side_for(2048), 2048);
  EXPECT_EQ(Thumbnails::side_for(1'000'000), Thumbnails::kLargestSide);
  TemporaryFolder folder;
  data::write_png(folder / "a.png", gradient_image(20, 30));
  Thumbnails thumbnails(folder / "kept");
  thumbnails.jpeg({folder / "a.png", 2048});
  EXPECT_EQ(thumbnails.store().size(), 0);
  thumbnails.jpeg({folder / "a.png", 128});
  EXPECT_EQ(thumbnails.store().size(), 1);
}

TEST(Thumbnails, AreKeptForTheNextStart) {
  TemporaryFolder folder;
  data::write_png(folder / "a.png", gradient_image(200, 300));
  const std::string first = Thumbnails(folder / "kept").jpeg({folder / "a.png", 128});
  const auto bytes = fs::file_size(folder / "kept/1.pack");
  Thumbnails later(folder / "kept");
  EXPECT_EQ(later.store().size(), 1);
  EXPECT_EQ(later.jpeg({folder / "a.png", 128}), first);
  EXPECT_EQ(fs::file_size(folder / "kept/1.pack"), bytes);  // made once
}

TEST(Thumbnails, AreNewWhenTheFileHasChangedInAnyWay) {
  TemporaryFolder folder;
  const fs::path file = folder / "a.png";
  data::write_png(file, gradient_image(20, 30));
  Thumbnails thumbnails(folder / "kept");
  const std::string before = thumbnails.jpeg({file, 128});
  const std::string version = Thumbnails::version_of(file);
  EXPECT_EQ(Thumbnails::version_of(file), version);
  const auto time = fs::last_write_time(file);
  core::Image other = gradient_image(20, 30);
  other.pixels[0] ^= 0xFF;
  other.pixels[1] ^= 0xFF;
  std::this_thread::sleep_for(std::chrono::milliseconds(12));  // the clock of a file system ticks every 4 or 10 ms
  data::write_png(file, other);
  fs::last_write_time(file, time);  // as a program does that copies times
  EXPECT_NE(Thumbnails::version_of(file), version);
  EXPECT_NE(thumbnails.jpeg({file, 128}), before);
  EXPECT_EQ(Thumbnails::version_of(folder / "none.png"), "");
}

TEST(Thumbnails, RefuseWhatIsNoImageAndNameTheFile) {
  TemporaryFolder folder;
  testing_support::write(folder / "empty.jpg", "");
  testing_support::write(folder / "page.jpg", "<script>alert(1)</script>");
  data::write_jpeg(folder / "whole.jpg", gradient_image(300, 300));
  const std::string whole = testing_support::file_content(folder / "whole.jpg");
  testing_support::write(folder / "cut.jpg", whole.substr(0, whole.size() / 2));
  data::write_png(folder / "bomb.png", gradient_image(8, 8));
  std::string bomb = testing_support::file_content(folder / "bomb.png");
  bomb.replace(16, 8, std::string("\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF", 8));  // its header claims 4.6e18 pixels
  testing_support::write(folder / "bomb.png", bomb);
  fs::create_directory(folder / "folder.jpg");
  ASSERT_EQ(::mkfifo((folder / "pipe.jpg").c_str(), 0600), 0);
  fs::create_symlink("loop.jpg", folder / "loop.jpg");
  Thumbnails thumbnails(folder / "kept");
  for (const char* name :
       {"empty.jpg", "page.jpg", "cut.jpg", "bomb.png", "folder.jpg", "pipe.jpg", "loop.jpg", "none.jpg"}) {
    const fs::path file = folder / name;
    const auto ask = [&] { thumbnails.jpeg({file, 128}); };
    const std::string message = thrown_message<core::DataError>(ask);
    EXPECT_TRUE(message.starts_with(file.string() + ": ")) << message;
    EXPECT_EQ(thrown_message<core::DataError>(ask), message) << "the second time";
  }
  EXPECT_EQ(thumbnails.store().size(), 0);
}

TEST(Thumbnails, ComeBackWhenABrokenFileIsMended) {
  TemporaryFolder folder;
  testing_support::write(folder / "a.png", "no image");
  Thumbnails thumbnails("");
  EXPECT_THROW(thumbnails.jpeg({folder / "a.png", 128}), core::DataError);
  data::write_png(folder / "a.png", gradient_image(20, 30));
  EXPECT_EQ(decoded(thumbnails.jpeg({folder / "a.png", 128})).width, 30);
}

TEST(Thumbnails, AreMadeOnceForSeveralThatAskAtTheSameTime) {
  TemporaryFolder folder;
  data::write_jpeg(folder / "a.jpg", gradient_image(900, 1200));
  Thumbnails thumbnails(folder / "kept");
  std::vector<std::string> got(6);
  {
    std::vector<std::jthread> threads;
    for (std::string& each : got) threads.emplace_back([&] { each = thumbnails.jpeg({folder / "a.jpg", 256}); });
  }
  for (const std::string& each : got) EXPECT_EQ(each, got.front());
  EXPECT_EQ(fs::file_size(folder / "kept/1.index"), 32);  // one entry
}

}  // namespace
}  // namespace margay::studio
