#include "margay/model/weights/pretrained.h"

#include <string>

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

TEST(WeightsCache, SaysWhatToFetchAndWhereToPutIt) {
  const TemporaryFolder folder;
  const Architecture& resnet34 = find_architecture("resnet34");
  const std::string message = thrown_message<core::DataError>([&] { find_weights(folder.path(), resnet34); });
  EXPECT_NE(message.find("nothing is downloaded without being asked: fetch " + resnet34.weights_url + " ("),
            std::string::npos)
      << message;
  EXPECT_TRUE(message.ends_with(" and save it as " + (folder / "resnet34.safetensors").string())) << message;
}

TEST(WeightsCache, NamesThePlaceWithTheEndingOfTheUrl) {
  const TemporaryFolder folder;
  const Architecture architecture{
      .name = "tiny", .weights_name = "v1", .weights_url = "https://x.org/tiny-1234.pth?download=true"};
  const std::string message = thrown_message<core::DataError>([&] { find_weights(folder.path(), architecture); });
  EXPECT_TRUE(message.ends_with("tiny.pth")) << message;
}

TEST(WeightsCache, SaysWhenNobodyPublishesAny) {
  EXPECT_EQ(fetch_advice(find_architecture("resnet20"), ""),
            "no published weights of resnet20 are known; train it from scratch");
}

}  // namespace
}  // namespace margay::model
