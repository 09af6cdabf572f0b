#include <cstdlib>

#include <gtest/gtest.h>

#include "apps/cli/network.h"
#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::run_command;

/// Runs in an environment of its own; the proxy is one that nobody listens at, so nothing reaches the network.
class FetchCommand : public testing::Test {
 protected:
  FetchCommand() {
    set("XDG_CACHE_HOME", folder_.path().string());
    set("https_proxy", "http://127.0.0.1:9");
    for (const char* name :
         {"TORCH_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "no_proxy", "NO_PROXY"}) {
      ::unsetenv(name);
    }
  }
  ~FetchCommand() override {
    for (const char* name : {"XDG_CACHE_HOME", "https_proxy", "HF_HUB_OFFLINE"}) ::unsetenv(name);
  }
  static void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

  testing_support::TemporaryFolder folder_;
};

TEST_F(FetchCommand, ShowsThePlanAndDoesNotFetchUnasked) {
  const CommandResult result = run_command({"fetch", "resnet18"});
  EXPECT_EQ(result.status, 2);
  expect_part(result.output, "resnet18: torchvision IMAGENET1K_V1\n  host     huggingface.co\n");
  expect_part(result.output, "  licence  bsd-3-clause (timm/models/resnet.py)\n");
  expect_part(result.output, "  to       " + (folder_ / "margay/weights/resnet18.safetensors").string());
  expect_part(result.errors, "--yes fetches without asking");
}

TEST_F(FetchCommand, ShowsTheFactsOfASetOfImages) {
  const CommandResult result = run_command({"fetch", "data", "pets", "--to", (folder_ / "x").string()});
  EXPECT_EQ(result.status, 2);
  expect_part(result.output, "  bytes    811,706,944\n");
  expect_part(result.output, "  hash     MD5 of the first MiB e4db5c768afd933bb91f5f594d7417a4 (fastai/data/");
  expect_part(result.output, "  licence  CC BY-SA 4.0 (");
  expect_part(result.output, "  to       " + (folder_ / "x/pets").string());
}

TEST_F(FetchCommand, SaysAtOnceThatThereIsNoNetwork) {
  const CommandResult result = run_command({"fetch", "vgg16", "--yes"});
  EXPECT_EQ(result.status, 1);
  expect_part(result.output, "  hash     SHA-256 397923af… (the file's name");
  expect_part(result.errors, "download.pytorch.org cannot be reached");
  expect_part(result.errors, "https://download.pytorch.org/models/vgg16-397923af.pth");
}

TEST_F(FetchCommand, IsRefusedOffline) {
  expect_part(run_command({"fetch", "resnet18", "--yes", "--offline"}).errors,
              "resnet18 is not at hand, and --offline");
  set("HF_HUB_OFFLINE", "1");
  const CommandResult result = run_command({"fetch", "resnet18", "--yes"});
  EXPECT_EQ(result.status, 1);
  expect_part(result.errors, "HF_HUB_OFFLINE forbids to fetch it from https://huggingface.co/");
}

TEST_F(FetchCommand, TakesWhatIsThere) {
  testing_support::write(folder_ / "margay/weights/resnet18.safetensors", "one");
  const CommandResult result = run_command({"fetch", "resnet18", "--offline"});
  EXPECT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "Is here already: ");
  expect_part(result.output, "SHA-256 7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
  expect_part(result.output, "margay train FOLDER --arch resnet18 --weights cached");
}

TEST_F(FetchCommand, RefusesAnotherFileInThePlaceOfAKnownOne) {
  testing_support::write(folder_ / "margay/weights/vgg16.pth", "one");
  const CommandResult result = run_command({"fetch", "vgg16", "--yes"});
  EXPECT_EQ(result.status, 3);
  expect_part(result.errors, "vgg16.pth: is there, but has the SHA-256 7692c3ad");
}

TEST_F(FetchCommand, SuggestsTheNearestName) {
  expect_part(run_command({"fetch", "resnet81"}).errors, "did you mean 'resnet18'");
  expect_part(run_command({"fetch", "data", "pet"}).errors, "did you mean 'pets'");
  expect_part(run_command({"fetch", "pets"}).errors, "pets is a set of images: margay fetch data pets");
  expect_part(run_command({"fetch", "resnet20"}).errors, "no published weights of resnet20 are known");
  EXPECT_EQ(run_command({"fetch"}).status, 2);
}

TEST_F(FetchCommand, ListsWhatThereIs) {
  const CommandResult result = run_command({"fetch", "--list"});
  EXPECT_EQ(result.status, 0);
  expect_part(result.output, "data mnist_sample");
  expect_part(result.output, "convnext_tiny");
}

TEST_F(FetchCommand, DoesNotUnpackOverAFolder) {
  testing_support::write(folder_ / "pets/mine.jpg", "x");
  const CommandResult result = run_command({"fetch", "data", "pets", "--yes", "--to", folder_.path().string()});
  EXPECT_EQ(result.status, 1);
  expect_part(result.errors, "pets: is there already; name another folder with --to");
}

}  // namespace
}  // namespace margay::cli
