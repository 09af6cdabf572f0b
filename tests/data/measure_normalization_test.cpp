#include "margay/data/measure_normalization.h"

#include <fstream>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/image/write_image.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;

core::Image plain_loader(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  core::Image image(20, 20);
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    image.pixels[i] = red;
    image.pixels[i + 1] = green;
    image.pixels[i + 2] = blue;
  }
  return image;
}

const ImagePipeline kPipeline(Transforms{.resize = {.size = 16}, .augment = {.size = 16}});

TEST(MeasureNormalization, IsThatOfTheImagesThatCanBeRead) {
  const TemporaryFolder folder;
  write_png(folder / "a.png", plain_loader(255, 0, 51));
  write_png(folder / "b.png", plain_loader(0, 0, 51));
  std::ofstream(folder / "c.png") << "broken";
  const Dataset dataset = Dataset::unlabelled({folder / "a.png", folder / "b.png", folder / "c.png"});
  const Normalization measured = measure_normalization(dataset, kPipeline);
  EXPECT_NEAR(measured.mean[0], 0.5, 1e-9);
  EXPECT_NEAR(measured.std[0], 0.5, 1e-9);
  EXPECT_NEAR(measured.mean[2], 0.2, 1e-9);
  EXPECT_NEAR(measured.std[2], 1.0 / 255, 1e-9) << "a channel that never changes";
  EXPECT_THROW(measure_normalization(Dataset::unlabelled({folder / "c.png"}), kPipeline), core::DataError);
  EXPECT_THROW(measure_normalization(dataset, kPipeline, 0), std::invalid_argument);
}

}  // namespace
}  // namespace margay::data
