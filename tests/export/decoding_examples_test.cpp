#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/core/random.h"
#include "margay/core/text.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/write_image.h"
#include "tests/support/deep_files.h"
#include "tests/support/temporary_folder.h"

/// examples/onnx_runners/pixels.*: that other languages decode as docs/guide/export.md says. What is not installed is
/// passed over, and Java, JavaScript and C++ are for ./test --all alone.
namespace margay::exporting {
namespace {

namespace fs = std::filesystem;
using testing_support::FileBytes;

constexpr int kUnlike = 255;

std::string example_file(const std::string& name) {
  return core::shell_word(std::string(MARGAY_SOURCE_DIR) + "/examples/onnx_runners/" + name);
}

bool succeeds(const std::string& command) { return std::system((command + " > /dev/null 2>&1").c_str()) == 0; }

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 65536> part{};
  while (const std::size_t got = std::fread(part.data(), 1, part.size(), pipe.get())) text.append(part.data(), got);
  return text;
}

core::Image waves(int height, int width) {
  core::Image image(height, width);
  core::Random random{7};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const double place = static_cast<double>(i % static_cast<std::size_t>(3 * width));
    image.pixels[i] =
        static_cast<std::uint8_t>(120 + 100 * std::sin(place / 23) + static_cast<double>(random.below(20)));
  }
  return image;
}

/// A JPEG whose camera was held otherwise.
FileBytes turned_jpeg(const core::Image& image, char orientation) {
  using namespace std::string_literals;
  const std::string exif = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s + orientation + "\0\0\0\0\0\0"s;
  const auto jpeg = data::encode_jpeg(image, 85);
  FileBytes file(jpeg.begin(), jpeg.begin() + 2);
  file.insert(file.end(), {0xFF, 0xE1, 0, static_cast<std::uint8_t>(exif.size() + 2)});
  file.insert(file.end(), exif.begin(), exif.end());
  file.insert(file.end(), jpeg.begin() + 2, jpeg.end());
  return file;
}

class DecodingExamples : public testing::Test {
 protected:
  DecodingExamples() {
    data::write_png(folder_ / "colours.png", waves(31, 45));
    data::write_jpeg(folder_ / "photo.jpg", waves(61, 83), 85);
    write("turned.jpg", turned_jpeg(waves(40, 70), 6));
    write("deep.png", testing_support::deep_png(testing_support::deep_ramp(20, 30, 3, 65535), true));
    write("deep_grey.png", testing_support::deep_png(testing_support::deep_ramp(20, 30, 1, 65535)));
    write("clear.png", testing_support::deep_png(testing_support::deep_ramp(20, 30, 4, 65535)));
  }

  void write(const std::string& name, const FileBytes& bytes) {
    std::ofstream file(folder_ / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }

  /// The largest difference of a grey level from Margay's, of each file; kUnlike for other sides.
  std::map<std::string, int> differences(const std::string& command) {
    std::string all = command;
    for (const char* name : kFiles) all += " " + core::shell_word((folder_ / name).string());
    const std::string output = output_of(all);
    std::map<std::string, int> found;
    std::size_t at = 0;
    for (const char* name : kFiles) found[name] = difference(name, output, at);
    return found;
  }

  static constexpr std::array kFiles = {"colours.png", "photo.jpg",     "turned.jpg",
                                        "deep.png",    "deep_grey.png", "clear.png"};

 private:
  int difference(const char* name, const std::string& output, std::size_t& at) {
    int height = 0;
    int width = 0;
    int used = 0;
    const int fields = std::sscanf(output.c_str() + std::min(at, output.size()), "%d %d%n", &height, &width, &used);
    if (fields != 2) return kUnlike;
    const std::size_t begin = at + static_cast<std::size_t>(used) + 1;
    const std::size_t size = static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3;
    at = begin + size;
    const core::Image image = data::read_image(folder_ / name);
    if (image.height != height || image.width != width || at > output.size()) return kUnlike;
    int largest = 0;
    for (std::size_t i = 0; i < size; ++i) {
      largest = std::max(largest, std::abs(static_cast<std::uint8_t>(output[begin + i]) - image.pixels[i]));
    }
    return largest;
  }

  testing_support::TemporaryFolder folder_;
};

TEST_F(DecodingExamples, InPythonGiveTheSamePixels) {
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    if (!succeeds(fmt::format("{} -c 'import numpy, PIL'", python))) continue;
    for (const auto& [name, difference] : differences(fmt::format("{} {}", python, example_file("pixels.py")))) {
      EXPECT_EQ(difference, 0) << name;
    }
    return;
  }
  GTEST_SKIP() << "no python3-pil";
}

TEST_F(DecodingExamples, InJavaScriptGiveTheSamePixelsButForRoundedTransparency) {
  if (!succeeds("node -e 0") || !fs::exists(MARGAY_SOURCE_DIR "/examples/onnx_runners/node_modules/sharp")) {
    GTEST_SKIP() << "no sharp: npm ci --ignore-scripts --prefix examples/onnx_runners";
  }
  for (const auto& [name, difference] : differences("node " + example_file("pixels.mjs"))) {
    EXPECT_LE(difference, name == "clear.png" ? 2 : 0) << name;
  }
}

TEST_F(DecodingExamples, InCxxGiveTheSamePixelsButForTransparency) {
  const testing_support::TemporaryFolder built;
  const std::string program = core::shell_word((built / "pixels").string());
  if (std::getenv("MARGAY_ONNX_RUNNER") == nullptr ||
      !succeeds(fmt::format("c++ -std=c++17 -I/usr/include/opencv4 {} -o {} -lopencv_core -lopencv_imgcodecs "
                            "-lopencv_imgproc",
                            example_file("pixels.cpp"), program))) {
    GTEST_SKIP() << "for ./test --all, with libopencv-imgcodecs-dev";
  }
  for (const auto& [name, difference] : differences(program)) {
    if (name == "clear.png") continue;
    EXPECT_EQ(difference, 0) << name;
  }
}

TEST_F(DecodingExamples, InJavaGiveTheSamePixelsOfUprightOpaqueImages) {
  if (std::getenv("MARGAY_ONNX_RUNNER") == nullptr || !succeeds("javac --version")) {
    GTEST_SKIP() << "for ./test --all, with a JDK";
  }
  const std::map<std::string, int> found = differences("java " + example_file("Pixels.java"));
  EXPECT_EQ(found.at("colours.png"), 0);
  EXPECT_EQ(found.at("photo.jpg"), 0);
  EXPECT_EQ(found.at("deep_grey.png"), 0);
  EXPECT_LE(found.at("deep.png"), 1);
  EXPECT_EQ(found.at("turned.jpg"), kUnlike) << "it follows EXIF now: say so in the guide";
}

}  // namespace
}  // namespace margay::exporting
