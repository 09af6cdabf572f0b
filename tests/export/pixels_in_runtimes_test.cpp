#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/random.h"
#include "margay/data/transform/resize.h"
#include "margay/export/onnx_names.h"
#include "margay/export/pixel_graph.h"
#include "margay/export/runtime.h"
#include "tests/support/image_samples.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_scale.h"

namespace margay::exporting {
namespace {

/// The item transform alone, as a file whose output is whole grey levels, float [1,3,S,S].
OnnxModel item_model(const data::ResizeOptions& resize) {
  data::Transforms transforms{.resize = resize, .augment = {.size = resize.size}};
  transforms.normalization = {{0, 0, 0}, {1.0 / 255, 1.0 / 255, 1.0 / 255}};
  OnnxBuilder onnx(18);
  onnx.model().inputs.push_back({.name = kPixelsInput, .type = OnnxType::kUint8, .shape = {"N", "H", "W", 3}});
  const std::string grey = add_pixels(onnx, transforms, kPixelsInput);
  onnx.model().outputs.push_back({.name = grey, .type = OnnxType::kFloat});
  return onnx.take();
}

/// Sides from 1 pixel to long strips and photographs of 12 megapixels.
std::vector<std::pair<int, int>> sides_to_run() {
  std::vector<std::pair<int, int>> sides = {{1, 1}, {1, 7}, {299, 299}, {375, 500}, {47, 61}, {2000, 9}, {5, 5000}};
  core::Random random{22};
  for (int i = 0; i < testing_support::scaled(4, 150); ++i) {
    const auto side = [&] { return static_cast<int>(std::exp(random.uniform(0, std::log(2500)))); };
    sides.emplace_back(side(), side());
  }
  if (testing_support::scaled(0, 1) != 0) sides.insert(sides.end(), {{3000, 4000}, {1, 65'535}, {65'535, 2}});
  return sides;
}

/// How many values are others than the bytes of the image.
std::size_t other_values(const std::vector<float>& planes, const core::Image& image) {
  const std::size_t places = image.pixels.size() / 3;
  if (planes.size() != image.pixels.size()) return image.pixels.size();
  std::size_t others = 0;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    if (planes[i % 3 * places + i / 3] != static_cast<float>(image.pixels[i])) ++others;
  }
  return others;
}

TEST(PixelsInRuntimes, AreResizedToTheBytesOfThePipeline) {
  using enum data::ResizeMethod;
  const char* const command = std::getenv("MARGAY_ONNX_RUNNER");
  if (command == nullptr) GTEST_SKIP() << "no runtime that takes pixels: set MARGAY_ONNX_RUNNER";
  const testing_support::TemporaryFolder folder;
  for (const data::ResizeOptions& options : std::vector<data::ResizeOptions>{
           {.size = 460, .method = kCrop}, {.size = 224, .method = kSquish}, {.size = 33, .method = kPad}}) {
    write_onnx(folder / "m.onnx", item_model(options));
    const auto runtime = start_runner({.name = command, .command = command}, folder / "m.onnx");
    core::Random random{0};
    for (const auto& [height, width] : sides_to_run()) {
      const core::Image image = testing_support::noise_image(height, width);
      const RuntimeOutputs outputs = runtime->run(
          {{.name = kPixelsInput, .type = ElementType::kUint8, .shape = {1, height, width, 3}, .bytes = image.pixels}});
      const core::Image item = data::Resize(options).apply(image, data::Phase::kValid, random);
      ASSERT_EQ(outputs.tensors.size(), 1U);
      EXPECT_EQ(other_values(outputs.tensors.front().floats(), item), 0U)
          << width << "x" << height << " to " << options.size;
    }
  }
}

}  // namespace
}  // namespace margay::exporting
