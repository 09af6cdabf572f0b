#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "apps/studio/loaded_models.h"
#include "margay/http/target.h"
#include "margay/serve/served_model.h"
#include "tests/support/served_models.h"
#include "tests/support/temporary_folder.h"

namespace margay::studio {
namespace {

using testing_support::TemporaryFolder;

/// A store that counts its loads; all models are the same small one.
struct CountedLoads {
  std::atomic<int> loads = 0;
  std::atomic<bool> fails = false;
  LoadedModels::Model model = testing_support::seeded_model(1);
  LoadedModels store{2, [this](const ListedModel& /*listed*/) {
                       ++loads;
                       std::this_thread::sleep_for(std::chrono::milliseconds(5));
                       if (fails) throw std::runtime_error("it cannot be read");
                       return model;
                     }};
};

ListedModel listed(const TemporaryFolder& folder, const std::string& name) {
  testing_support::write(folder / name, "weights of " + name);
  return {.id = "runs:" + name, .name = name, .file = folder / name, .run = {}};
}

TEST(LoadedModels, AreLoadedOnceByAllWhoNeedThem) {
  const TemporaryFolder folder;
  CountedLoads counted;
  const ListedModel a = listed(folder, "a.margay");
  EXPECT_FALSE(counted.store.is_loaded(a));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_EQ(counted.store.get(a), counted.model); });
  }
  EXPECT_EQ(counted.loads, 1);
  EXPECT_TRUE(counted.store.is_loaded(a));
}

TEST(LoadedModels, AreLoadedAgainWhenTheirFileHasChanged) {
  const TemporaryFolder folder;
  CountedLoads counted;
  const ListedModel a = listed(folder, "a.margay");
  counted.store.get(a);
  testing_support::write(folder / "a.margay", "other weights, of another size");
  EXPECT_FALSE(counted.store.is_loaded(a));
  counted.store.get(a);
  EXPECT_EQ(counted.loads, 2);
}

TEST(LoadedModels, ThatFailToLoadAreTriedAgain) {
  const TemporaryFolder folder;
  CountedLoads counted;
  const ListedModel a = listed(folder, "a.margay");
  counted.fails = true;
  EXPECT_THROW(counted.store.get(a), std::runtime_error);
  counted.fails = false;
  EXPECT_EQ(counted.store.get(a), counted.model);
}

TEST(LoadedModels, UsedLongestAgoAreForgotten) {
  const TemporaryFolder folder;
  CountedLoads counted;
  const std::vector<ListedModel> models = {listed(folder, "a.margay"), listed(folder, "b.margay"),
                                           listed(folder, "c.margay")};
  counted.store.get(models[0]);
  counted.store.get(models[1]);
  counted.store.get(models[0]);
  counted.store.get(models[2]);
  EXPECT_TRUE(counted.store.is_loaded(models[0]));
  EXPECT_FALSE(counted.store.is_loaded(models[1]));
  EXPECT_EQ(counted.loads, 3);
}

TEST(ListedModels, AreOnlyThoseThatTheStudioServes) {
  const TemporaryFolder folder;
  testing_support::write(folder / "runs/a run/model.margay", "");
  testing_support::write(folder / "runs/a run/config.json", "{}");
  testing_support::write(folder / "runs/a run/best.margay", "");
  testing_support::write(folder / "pets/old.margay", "");
  testing_support::write(folder / "pets/below/hidden.margay", "");
  testing_support::write(folder / "secret.margay", "");
  std::filesystem::create_symlink(folder / "secret.margay", folder / "pets/link.margay");
  const ServedFolders folders({folder / "pets"}, folder / "runs");
  const auto models = listed_models(folders);
  ASSERT_EQ(models.size(), 2U);
  const auto file_of = [&](const std::string& id) { return listed_model(folders, id).file.filename(); };
  EXPECT_EQ(file_of("runs:a run/model.margay"), "model.margay");
  EXPECT_EQ(listed_model(folders, "runs:a run/model.margay").name, "a run");
  EXPECT_EQ(file_of("pets:old.margay"), "old.margay");
  EXPECT_THROW(file_of("pets:link.margay"), http::RequestError);
  EXPECT_THROW(file_of("pets:../secret.margay"), http::RequestError);
  EXPECT_THROW(file_of("nowhere:old.margay"), http::RequestError);
  EXPECT_THROW(file_of("pets:old"), http::RequestError);
}

}  // namespace
}  // namespace margay::studio
