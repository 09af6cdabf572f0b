#include "margay/data/image/write_image.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/data/image/read_image.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

TEST(EncodeJpeg, GivesTheBytesThatWriteJpegWrites) {
  const testing_support::TemporaryFolder folder;
  const core::Image image = testing_support::striped_image(0, 1, 33);
  write_jpeg(folder / "a.jpg", image, 70);
  const std::vector<std::uint8_t> bytes = encode_jpeg(image, 70);
  EXPECT_EQ(testing_support::file_content(folder / "a.jpg"), std::string(bytes.begin(), bytes.end()));
  EXPECT_EQ(decode_image(bytes, "a.jpg").width, 33);
}

TEST(EncodeJpeg, RefusesAnImageWithoutPixelsAndAQualityOutOfRange) {
  EXPECT_THROW(encode_jpeg(core::Image(0, 3)), std::invalid_argument);
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>([] { encode_jpeg(core::Image(2, 2), 101); }),
            "[encode_jpeg] quality must lie in 1 … 100, got 101");
}

}  // namespace
}  // namespace margay::data
