#include <cstdlib>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "apps/cli/train_options.h"
#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/write_file.h"

namespace margay::cli {
namespace {

/// $XDG_CACHE_HOME is this folder while it lives.
class CacheHome {
 public:
  explicit CacheHome(const std::filesystem::path& folder) {
    if (const char* before = std::getenv(kName)) before_ = before;
    ::setenv(kName, folder.c_str(), 1);
  }
  CacheHome(const CacheHome&) = delete;
  CacheHome& operator=(const CacheHome&) = delete;
  ~CacheHome() { before_ ? ::setenv(kName, before_->c_str(), 1) : ::unsetenv(kName); }

 private:
  static constexpr const char* kName = "XDG_CACHE_HOME";
  std::optional<std::string> before_;
};

TEST(ResolveWeights, LeavesAPathAsItIs) {
  EXPECT_EQ(resolve_weights("a/cached", "resnet18"), "a/cached");
  EXPECT_EQ(resolve_weights("", "resnet18"), "");
}

TEST(ResolveWeights, LooksInTheUsersCacheForTheArchitecture) {
  const testing_support::TemporaryFolder home;
  const CacheHome cache(home.path());
  const std::string message =
      testing_support::thrown_message<core::DataError>([] { resolve_weights("cached", "resnet18"); });
  const std::filesystem::path place = home / "margay" / "weights" / "resnet18.safetensors";
  EXPECT_NE(message.find("save it as " + place.string()), std::string::npos) << message;
  testing_support::write(place, "");
  EXPECT_EQ(resolve_weights("cached", "resnet18"), place);
}

}  // namespace
}  // namespace margay::cli
