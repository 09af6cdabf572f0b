#include "margay/fetch/known_places.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace margay::fetch {
namespace {

namespace fs = std::filesystem;
using testing_support::TemporaryFolder;
using testing_support::write;

TEST(KnownPlaces, LieWhereTheirProgramsDocumentThem) {
  const KnownPlaces home = known_places({.home = "/home/ann"});
  EXPECT_EQ(home.cache, "/home/ann/.cache/margay");
  EXPECT_EQ(home.torch_hub, "/home/ann/.cache/torch/hub/checkpoints");
  EXPECT_EQ(home.hugging_face, "/home/ann/.cache/huggingface/hub");
  const KnownPlaces xdg = known_places({.home = "/home/ann", .xdg_cache_home = "/x"});
  EXPECT_EQ(xdg.cache, "/x/margay");
  EXPECT_EQ(xdg.torch_hub, "/x/torch/hub/checkpoints");
  EXPECT_EQ(xdg.hugging_face, "/x/huggingface/hub");
  const KnownPlaces own = known_places({.home = "/home/ann", .torch_home = "/t", .hf_home = "/h"});
  EXPECT_EQ(own.torch_hub, "/t/hub/checkpoints");
  EXPECT_EQ(own.hugging_face, "/h/hub");
  EXPECT_EQ(known_places({.hf_home = "/h", .hf_hub_cache = "/c"}).hugging_face, "/c");
  EXPECT_EQ(known_places({.hf_home = "/h", .hugging_face_hub_cache = "/old"}).hugging_face, "/old");
  const KnownPlaces none = known_places({});
  EXPECT_TRUE(none.cache.empty() && none.torch_hub.empty() && none.hugging_face.empty());
}

TEST(TorchHub, KeepsFilesWithTheHashInTheirNames) {
  const TemporaryFolder hub;
  for (const char* name : {"resnet18-f37072fd.pth", "resnet18-5c106cde.pth", "resnet18-half.pth", "resnet18.pth",
                           "wide_resnet18-f37072fd.pth", "resnet18-f37072fd.pth.partial"}) {
    write(hub / name, "x");
  }
  write(hub / "resnet18-00000000.pth", "");
  const std::vector<KnownFile> found = in_torch_hub({.torch_hub = hub.path()}, "resnet18");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "resnet18-5c106cde.pth");
  EXPECT_EQ(found[1].path, hub / "resnet18-f37072fd.pth");
  EXPECT_EQ(found[1].sha256, "f37072fd");
  EXPECT_TRUE(in_torch_hub({}, "resnet18").empty());
  EXPECT_TRUE(in_torch_hub({.torch_hub = hub / "none"}, "resnet18").empty());
}

TEST(HuggingFaceCache, GivesTheFileOfTheCommitThatMainNames) {
  const TemporaryFolder hub;
  const fs::path repository = hub / "models--timm--resnet18.tv_in1k";
  const std::string hash(64, 'b');
  write(repository / "blobs" / hash, "weights");
  write(repository / "refs/main", "aaaa\n");
  write(repository / "snapshots/zzzz/model.safetensors", "newer");
  fs::create_directories(repository / "snapshots/aaaa");
  fs::create_symlink("../../blobs/" + hash, repository / "snapshots/aaaa/model.safetensors");
  write(hub / "models--timm--resnet18.a1_in1k/snapshots/cccc/pytorch_model.bin", "x");
  write(hub / "models--timm--resnet18d.ra2_in1k/snapshots/cccc/model.safetensors", "x");
  write(hub / "models--timm--resnet18.broken/refs/main", "../../..");
  const std::vector<KnownFile> found = in_hugging_face_cache({.hugging_face = hub.path()}, "timm", "resnet18");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "timm/resnet18.a1_in1k");
  EXPECT_EQ(found[0].sha256, "");
  EXPECT_EQ(found[1].name, "timm/resnet18.tv_in1k");
  EXPECT_EQ(found[1].path, repository / "snapshots/aaaa/model.safetensors");
  EXPECT_EQ(found[1].sha256, hash);
}

TEST(HuggingFaceCache, LeavesOutAFileThatIsNotThereYet) {
  const TemporaryFolder hub;
  const fs::path repository = hub / "models--timm--resnet18.tv_in1k";
  write(repository / "blobs/x.incomplete", "wei");
  fs::create_directories(repository / "snapshots/aaaa");
  fs::create_symlink("../../blobs/x", repository / "snapshots/aaaa/model.safetensors");
  EXPECT_TRUE(in_hugging_face_cache({.hugging_face = hub.path()}, "timm", "resnet18").empty());
}

}  // namespace
}  // namespace margay::fetch
