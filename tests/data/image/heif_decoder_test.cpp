// HEIC and AVIF: the pixels, whatever the container says about turns, and what a broken decoder costs. The files are
// made by tests/data/heif_samples/make_samples.py.
#include "margay/data/image/heif_decoder.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include <dirent.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/image/image_source.h"
#include "margay/data/image/read_image.h"
#include "tests/support/image_samples.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::FileBytes;
using testing_support::image_sample;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

FileBytes heif_sample(const std::string& name) {
  const std::string file =
      testing_support::file_content(std::filesystem::path(MARGAY_SOURCE_DIR) / "tests/data/heif_samples" / name);
  return {file.begin(), file.end()};
}

/// Whether this machine's libheif can decode both formats: in Debian 13 its decoders are packages of their own.
class HeifImage : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"plain.heic", "plain.avif"}) {
      try {
        decode_image(heif_sample(name), name);
      } catch (const core::DataError& error) {
        const bool lacks_decoder = std::string(error.what()).find("has no decoder for") != std::string::npos;
        if (lacks_decoder) GTEST_SKIP() << error.what();
        FAIL() << error.what();
      }
    }
  }
};

using HeifFault = HeifImage;

core::Image heif_image_of(const std::string& name) { return decode_image(heif_sample(name), name); }

/// The largest difference of a byte; 255 for images of different shapes.
int difference(const core::Image& a, const core::Image& b) {
  if (a.height != b.height || a.width != b.width) return 255;
  int most = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) most = std::max(most, std::abs(a.pixels[i] - b.pixels[i]));
  return most;
}

core::Image rgb_sample() { return decode_image(image_sample("rgb.png"), "rgb.png"); }

/// The pixel (y, x) of `image` is where(y, x) of `source`.
template <class Where>
core::Image moved(const core::Image& source, int height, int width, Where&& where) {
  core::Image image(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto [from_y, from_x] = where(y, x);
      std::copy_n(source.row(from_y) + 3 * from_x, 3, image.row(y) + 3 * x);
    }
  }
  return image;
}

constexpr int kCodingNoise = 2;  // RGB of 8 bits, lossless but for the rounding of its three numbers

TEST_F(HeifImage, HasThePixelsOfThePngItWasMadeOf) {
  for (const char* name :
       {"plain.heic", "plain.avif", "two_images.heic", "sequence_brand.heics", "general_brand.heif"}) {
    EXPECT_LE(difference(heif_image_of(name), rgb_sample()), kCodingNoise) << name;
  }
}

TEST_F(HeifImage, LaysTransparencyOverWhite) {
  const core::Image png = decode_image(image_sample("rgba.png"), "rgba.png");
  for (const char* name : {"alpha.heic", "alpha.avif"}) {
    EXPECT_LE(difference(heif_image_of(name), png), kCodingNoise) << name;
  }
}

TEST_F(HeifImage, OfTenAndTwelveBitsKeepsItsBrightness) {
  const core::Image gradient = testing_support::gradient_image(16, 24);
  for (const char* name : {"deep10.heic", "deep12.avif"}) {
    EXPECT_LE(difference(heif_image_of(name), gradient), kCodingNoise) << name;
  }
}

TEST_F(HeifImage, IsTurnedOnceAsTheContainerSaysAndNotAgainByItsExif) {
  const core::Image upright = rgb_sample();
  EXPECT_LE(difference(heif_image_of("turned1.heic"), upright), kCodingNoise);
  const auto half = [](int y, int x) { return std::pair(15 - y, 23 - x); };
  EXPECT_LE(difference(heif_image_of("turned3.heic"), moved(upright, 16, 24, half)), kCodingNoise);
  const auto clockwise = [](int y, int x) { return std::pair(15 - x, y); };
  EXPECT_LE(difference(heif_image_of("turned6.heic"), moved(upright, 24, 16, clockwise)), kCodingNoise);
  EXPECT_LE(difference(heif_image_of("turned.avif"), moved(upright, 24, 16, clockwise)), kCodingNoise);
  const auto counterclockwise = [](int y, int x) { return std::pair(x, 23 - y); };
  EXPECT_LE(difference(heif_image_of("turned8.heic"), moved(upright, 24, 16, counterclockwise)), kCodingNoise);
  const auto mirrored = [](int y, int x) { return std::pair(y, 23 - x); };
  EXPECT_LE(difference(heif_image_of("mirrored_left_right.heic"), moved(upright, 16, 24, mirrored)), kCodingNoise);
}

TEST_F(HeifImage, IsNotTurnedByAnExifOrientationThatTheContainerDoesNotConfirm) {
  EXPECT_LE(difference(heif_image_of("exif_alone.heic"), rgb_sample()), kCodingNoise);
}

TEST_F(HeifImage, IsCutAsTheContainerSays) {
  const core::Image whole = rgb_sample();
  const auto cut = [](int y, int x) { return std::pair(2 + y, 10 + x); };
  EXPECT_LE(difference(heif_image_of("cut.heic"), moved(whole, 8, 10, cut)), kCodingNoise);
  const auto cut_and_turned = [](int y, int x) { return std::pair(2 + 7 - x, 10 + y); };
  EXPECT_LE(difference(heif_image_of("cut_then_turned.heic"), moved(whole, 10, 8, cut_and_turned)), kCodingNoise);
}

TEST_F(HeifImage, OfAGridIsPutTogether) {
  const core::Image grid = heif_image_of("grid.heic");
  ASSERT_EQ(grid.height, 90);
  ASSERT_EQ(grid.width, 100);
  const std::array<std::array<int, 3>, 4> colours = {{{250, 10, 10}, {10, 250, 10}, {10, 10, 250}, {250, 250, 10}}};
  for (int tile = 0; tile < 4; ++tile) {
    const std::uint8_t* pixel = grid.row(tile < 2 ? 30 : 75) + 3 * (tile % 2 == 0 ? 30 : 80);
    for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(pixel[c], colours[static_cast<std::size_t>(tile)][c], 3) << tile;
  }
}

TEST_F(HeifImage, SizeIsThatOfTheDecodedImage) {
  for (const char* name : {"plain.heic", "turned6.heic", "turned.avif", "cut_then_turned.heic", "grid.heic"}) {
    const ImageSize size = decode_size(heif_sample(name), name);
    const core::Image image = heif_image_of(name);
    EXPECT_EQ(size.height, image.height) << name;
    EXPECT_EQ(size.width, image.width) << name;
  }
}

TEST_F(HeifImage, IsKnownByItsContentWhateverItsName) {
  const TemporaryFolder folder;
  for (const char* name : {"really_heic.jpg", "no_extension"}) {
    const FileBytes bytes = heif_sample("plain.heic");
    testing_support::write(folder / name, {bytes.begin(), bytes.end()});
    EXPECT_EQ(read_image(folder / name).width, 24) << name;
  }
  const FileBytes jpeg = image_sample("baseline.jpg");
  testing_support::write(folder / "really_jpeg.heic", {jpeg.begin(), jpeg.end()});
  EXPECT_TRUE(read_image(folder / "really_jpeg.heic").pixels == decode_image(jpeg, "baseline.jpg").pixels);
}

TEST_F(HeifFault, OfASizeAboveTheLimitIsFoundBeforeAnythingIsDecoded) {
  const auto complaint = [](const char* name, const ReadOptions& options) {
    return thrown_message<core::DataError>([&] { decode_image(heif_sample(name), name, options); });
  };
  EXPECT_NE(complaint("claims_400_megapixels.heic", {}).find("claims 20000x20000 pixels, more than the limit"),
            std::string::npos);
  EXPECT_NE(complaint("plain.avif", {.max_pixels = 383}).find("claims 24x16 pixels, more than the limit of 383"),
            std::string::npos);
  EXPECT_NE(complaint("cut.heic", {.max_pixels = 100}).find("more than the limit of 100"), std::string::npos)
      << "it is decoded before it is cut";
}

TEST_F(HeifFault, OfACutFileIsNamedAndTheNextImageIsRead) {
  for (const char* name : {"plain.heic", "plain.avif", "alpha.heic"}) {
    const FileBytes file = heif_sample(name);
    for (std::size_t tenth = 0; tenth < 10; ++tenth) {
      const std::span<const std::uint8_t> cut(file.data(), 12 + (file.size() - 13) * tenth / 10);
      const std::string problem = thrown_message<core::DataError>([&] { decode_image(cut, name); });
      EXPECT_TRUE(problem.starts_with(name)) << problem;
      EXPECT_NE(problem.find("HEIC or AVIF"), std::string::npos) << problem;
    }
    EXPECT_EQ(heif_image_of(name).width, 24);
  }
}

// Nothing is demanded of the pixels: a wrong byte among them is no fault that a decoder can see.
TEST_F(HeifFault, OfDamagedBytesCostsThatImageAlone) {
  core::Random random{7};
  for (const char* name : {"plain.heic", "plain.avif", "grid.heic"}) {
    for (int i = 0; i < 60; ++i) {
      FileBytes file = heif_sample(name);
      for (int byte = 0; byte < 6; ++byte)
        file[12 + random.below(file.size() - 12)] = static_cast<std::uint8_t>(random.below(256));
      try {
        decode_image(file, name, {.max_pixels = 1'000'000});
      } catch (const core::DataError&) {
      }
    }
    EXPECT_GT(heif_image_of(name).width, 0);
  }
}

/// While it lives, another program decodes.
class OtherDecoder {
 public:
  explicit OtherDecoder(const std::string& script, std::chrono::milliseconds idle_limit = std::chrono::seconds(20)) {
    const auto program = folder_ / "decoder";
    testing_support::write(program, "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    use_heif_decoder({.program = program, .idle_limit = idle_limit});
  }
  OtherDecoder(const OtherDecoder&) = delete;
  OtherDecoder& operator=(const OtherDecoder&) = delete;
  ~OtherDecoder() { use_heif_decoder({}); }

  static std::string complaint() {
    return thrown_message<core::DataError>([] { decode_image(heif_sample("plain.heic"), "x.heic"); });
  }

 private:
  TemporaryFolder folder_;
};

TEST(HeifDecoder, ThatCrashesCostsOneImage) {
  const std::string problem = [] {
    const OtherDecoder decoder("kill -SEGV $$");
    return OtherDecoder::complaint();
  }();
  EXPECT_NE(problem.find("x.heic: a HEIC or AVIF whose decoder breaks down (Segmentation fault)"), std::string::npos)
      << problem;
}

TEST(HeifDecoder, ThatHangsIsStopped) {
  const OtherDecoder decoder("exec sleep 100", std::chrono::milliseconds(100));
  const std::string problem = OtherDecoder::complaint();
  EXPECT_NE(problem.find("whose decoder hangs: nothing for 0.1 s"), std::string::npos) << problem;
}

TEST(HeifDecoder, ThatClosesItsEndButGoesOnIsStopped) {
  const OtherDecoder decoder("exec sleep 100 <&-");
  const std::string problem = OtherDecoder::complaint();
  EXPECT_NE(problem.find("whose decoder breaks down"), std::string::npos) << problem;
}

TEST(HeifDecoder, ThatTakesTooMuchTimeOrIsKilledSaysSo) {
  {
    const OtherDecoder decoder("kill -XCPU $$");
    EXPECT_NE(OtherDecoder::complaint().find("it takes more time than its size explains"), std::string::npos);
  }
  const OtherDecoder decoder("kill -KILL $$");
  EXPECT_NE(OtherDecoder::complaint().find("as the system does when memory ends"), std::string::npos);
}

TEST(HeifDecoder, ThatSaysSomethingElseIsNotBelieved) {
  const OtherDecoder decoder("head -c 400 /dev/zero >&0; cat >/dev/null");
  EXPECT_NE(OtherDecoder::complaint().find("is of another version of Margay"), std::string::npos);
}

TEST(HeifDecoder, ThatIsNotThereIsNamed) {
  use_heif_decoder({.program = "/nowhere/decoder"});
  const std::string problem = OtherDecoder::complaint();
  use_heif_decoder({});
  EXPECT_NE(problem.find("/nowhere/decoder, cannot be started (No such file or directory)"), std::string::npos)
      << problem;
  EXPECT_THROW(use_heif_decoder({.idle_limit = std::chrono::milliseconds(0)}), std::invalid_argument);
}

std::size_t open_files() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  std::size_t count = 0;
  while (readdir(folder.get()) != nullptr) ++count;
  return count;
}

TEST_F(HeifImage, IsReadByManyThreadsAtOnceAndLeavesNothingOpen) {
  const core::Image expected = heif_image_of("plain.heic");
  use_heif_decoder({});  // ends the processes that wait
  const std::size_t before = open_files();
  std::atomic<int> different = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 10; ++k) different += difference(heif_image_of("plain.heic"), expected) == 0 ? 0 : 1;
      });
    }
  }
  EXPECT_EQ(different, 0);
  EXPECT_LE(open_files(), before + 4) << "a socket for each thread";
  use_heif_decoder({});
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace margay::data
