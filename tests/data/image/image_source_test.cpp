#include "margay/data/image/image_source.h"

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/data_block.h"
#include "margay/data/image/write_image.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "tests/support/image_samples.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

using testing_support::all_batches;
using testing_support::noise_image;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

std::vector<std::uint8_t> bytes_of_text(const std::string& text) { return {text.begin(), text.end()}; }

class ImageSourceTest : public testing::Test {
 protected:
  ImageSourceTest() {
    for (const char* label : {"cat", "dog"}) std::filesystem::create_directories(folder_ / label);
    write_png(file(), noise_image(20, 30));
  }

  std::filesystem::path file() const { return folder_ / "cat/a.png"; }
  /// The file's bytes under another name.
  ImageSource upload(const std::string& name = "cat/upload") const {
    return {bytes_of_text(testing_support::file_content(file())), name};
  }

  TemporaryFolder folder_;
};

TEST_F(ImageSourceTest, GivesTheSameImageAsFileAndAsBytes) {
  const ImageSource upload = this->upload();
  EXPECT_FALSE(upload.is_file());
  EXPECT_TRUE(ImageSource(file()).is_file());
  EXPECT_EQ(read_image(upload).pixels, noise_image(20, 30).pixels);
  EXPECT_EQ(read_image(ImageSource(file())).pixels, noise_image(20, 30).pixels);
  EXPECT_EQ(*ImageSource(file()).read(), *upload.read());
  EXPECT_EQ(read_size(upload).width, 30);
  EXPECT_EQ(read_size(ImageSource(file())).width, 30);
}

TEST_F(ImageSourceTest, SharesItsBytesAmongCopies) {
  const ImageSource upload = this->upload();
  const ImageSource copy = upload;  // NOLINT: the copy is the point
  EXPECT_EQ(copy.read(), upload.read());
}

TEST_F(ImageSourceTest, IsCalledByItsNameWhereItCannotBeDecoded) {
  const auto refusal = [](const std::string& bytes) {
    return thrown_message<core::DataError>([&] { read_image(ImageSource(bytes_of_text(bytes), "upload 7")); });
  };
  EXPECT_EQ(refusal("").find("upload 7: empty"), 0U) << refusal("");
  EXPECT_EQ(refusal("no image").find("upload 7: "), 0U) << refusal("no image");
  const std::string whole = testing_support::file_content(file());
  EXPECT_EQ(refusal(whole.substr(0, whole.size() / 2)).find("upload 7: "), 0U);
  EXPECT_THROW(read_size(ImageSource({}, "upload")), core::DataError);
  EXPECT_THROW(read_image(upload(), {.max_pixels = 599}), core::DataError);
}

TEST_F(ImageSourceTest, NeedsAName) { EXPECT_THROW(ImageSource(bytes_of_text("x"), ""), std::invalid_argument); }

TEST(ImageList, HoldsFilesAndBytesInTheirOrder) {
  ImageList list = {std::filesystem::path("a.png"), std::filesystem::path("b.png")};
  EXPECT_FALSE(list.holds_bytes());
  list.add(ImageSource(bytes_of_text("c"), "c"));
  list.add_file("d.png");
  EXPECT_TRUE(list.holds_bytes());
  ASSERT_EQ(list.size(), 4U);
  EXPECT_EQ(list.names(), (PathList{"a.png", "b.png", "c", "d.png"}));
  for (const std::size_t i : {0U, 1U, 3U}) EXPECT_TRUE(list[i].is_file()) << i;
  EXPECT_EQ(*list[2].bytes(), bytes_of_text("c"));
  ImageList turned;
  for (const std::size_t i : {2U, 0U}) turned.add(list, i);
  EXPECT_EQ(*turned[0].bytes(), bytes_of_text("c"));
  EXPECT_TRUE(turned[1].is_file());
}

/// Cats are files, dogs are bytes.
TEST_F(ImageSourceTest, TrainsAsFileOrBytesAlike) {
  const auto loaders = [&](CacheKind cache, const ImageSource& dog) {
    return DataBlock()
        .items({ImageSource(file()), dog})
        .label(folder_labels())
        .split(no_split())
        .item_transform(resize({.size = 24}))
        .batch_transform(augment({.size = 16}))
        .loaders({.batch_size = 2, .num_workers = 1, .cache = cache});
  };
  write_png(folder_ / "dog/b.png", noise_image(20, 30));
  for (const CacheKind cache : {CacheKind::kOff, CacheKind::kRam}) {
    for (int epoch = 0; epoch < 2; ++epoch) {
      const std::vector<Batch> files = all_batches(loaders(cache, folder_ / "dog/b.png").train.pass(epoch));
      const std::vector<Batch> bytes = all_batches(loaders(cache, upload("dog/upload")).train.pass(epoch));
      ASSERT_EQ(bytes.size(), 1U);
      EXPECT_TRUE(bytes[0].images.equal(files[0].images));
      EXPECT_TRUE(bytes[0].targets.equal(files[0].targets));
    }
  }
}

TEST_F(ImageSourceTest, IsSkippedUnderItsNameByALoader) {
  const Loader loader = DataBlock()
                            .items({ImageSource(file()), ImageSource(bytes_of_text("broken"), "cat/upload 3")})
                            .label(folder_labels())
                            .split(no_split())
                            .loaders({.batch_size = 2, .num_workers = 1})
                            .train;
  LoaderPass pass = loader.pass();
  EXPECT_EQ(pass.next()->size(), 1);
  ASSERT_EQ(pass.skipped().size(), 1U);
  EXPECT_EQ(pass.skipped()[0].problem.find("cat/upload 3: "), 0U) << pass.skipped()[0].problem;
}

}  // namespace
}  // namespace margay::data
