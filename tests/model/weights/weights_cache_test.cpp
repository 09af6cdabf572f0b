#include "margay/model/weights/pretrained.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/model/architecture/architectures.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

TEST(WeightsCache, FindsFilesAndFoldersByArchitecture) {
  const TemporaryFolder folder;
  const Architecture& resnet18 = find_architecture("resnet18");
  write(folder / "resnet18" / "model.safetensors", "");
  EXPECT_EQ(find_weights(folder.path(), resnet18), folder / "resnet18");
  write(folder / "resnet18.pth", "");
  EXPECT_EQ(find_weights(folder.path(), resnet18), folder / "resnet18.pth");
  write(folder / "resnet18.safetensors", "");
  EXPECT_EQ(find_weights(folder.path(), resnet18), folder / "resnet18.safetensors");
}

TEST(WeightsCache, SaysHowToFetchThemThere) {
  const TemporaryFolder folder;
  const Architecture& resnet34 = find_architecture("resnet34");
  const std::string message = thrown_message<core::DataError>([&] { find_weights(folder.path(), resnet34); });
  EXPECT_TRUE(
      message.ends_with("holds no weights of resnet34, and nothing is downloaded without being asked: `fetch "
                        "resnet34 to " +
                        folder.path().string() + "` gets torchvision IMAGENET1K_V1"))
      << message;
}

TEST(WeightsCache, SaysHowToFetchThemToTheUsersCache) {
  EXPECT_EQ(fetch_advice(find_architecture("resnet18d")),
            "`fetch resnet18d` gets timm ra2_in1k, which `weights` auto then finds");
}

TEST(WeightsCache, ListsTheNetworksOfAFolder) {
  const TemporaryFolder folder;
  const std::string message = thrown_message<core::DataError>([&] { networks_with_weights(folder.path()); });
  EXPECT_NE(message.find("`fetch NAME to FOLDER` puts some there"), std::string::npos) << message;
  write(folder / "swin_t.safetensors", "");
  write(folder / "resnet18.pth", "");
  write(folder / "unknown.safetensors", "");
  const std::vector<const Architecture*> found = networks_with_weights(folder.path());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0], &find_architecture("resnet18"));
  EXPECT_EQ(found[1], &find_architecture("swin_t"));
}

TEST(WeightsCache, SaysWhenNobodyPublishesAny) {
  EXPECT_EQ(fetch_advice(find_architecture("resnet20")),
            "no published weights of resnet20 are known; train it from scratch");
}

}  // namespace
}  // namespace margay::model
