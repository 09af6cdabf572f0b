#include "margay/run/train_options.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::run {
namespace {

TEST(ResolveWeights, LeavesAPathAsItIs) {
  EXPECT_EQ(resolve_weights("a/cached", "resnet18", ""), "a/cached");
  EXPECT_EQ(resolve_weights("", "resnet18", ""), "");
}

TEST(ResolveWeights, LooksInTheCacheFolderForTheArchitecture) {
  const testing_support::TemporaryFolder cache;
  const std::string message =
      testing_support::thrown_message<core::DataError>([&] { resolve_weights("cached", "resnet18", cache.path()); });
  const std::filesystem::path place = cache / "weights" / "resnet18.safetensors";
  EXPECT_NE(message.find("`fetch resnet18 to " + place.parent_path().string() + "`"), std::string::npos) << message;
  testing_support::write(place, "");
  EXPECT_EQ(resolve_weights("cached", "resnet18", cache.path()), place);
}

TEST(CacheFolder, IsNeededOnlyForWhatLiesInIt) {
  BatchOptions options;
  EXPECT_EQ(loader_options(options, "").cache_folder, "");
  options.loader.cache = data::CacheKind::kDisk;
  EXPECT_EQ(loader_options(options, "place").cache_folder, "place");
  const auto message = [](const auto& call) { return testing_support::thrown_message<std::invalid_argument>(call); };
  EXPECT_NE(message([&] { loader_options(options, ""); }).find("`cache_folder`"), std::string::npos);
  EXPECT_NE(message([] { resolve_weights("cached", "resnet18", ""); }).find("`weights`"), std::string::npos);
  options.loader.cache_folder = "own";
  EXPECT_EQ(loader_options(options, "place").cache_folder, "own");
}

}  // namespace
}  // namespace margay::run
