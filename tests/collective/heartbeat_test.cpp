#include "margay/collective/heartbeat.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/group_of_two.h"

namespace margay::collective {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A store of several processes within one; its host can stop answering, or end.
class SharedStore {
 public:
  void set(const std::string& key, const std::string& value) {
    std::unique_lock lock(changing_);
    wait_or_throw(lock);
    values_[key] = value;
  }
  std::optional<std::string> find(const std::string& key) {
    std::unique_lock lock(changing_);
    wait_or_throw(lock);
    const auto found = values_.find(key);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }
  void stop() {
    const std::lock_guard lock(changing_);
    is_stopped_ = true;
  }
  void go_on() {
    const std::lock_guard lock(changing_);
    is_stopped_ = false;
    changed_.notify_all();
  }
  void end() {
    const std::lock_guard lock(changing_);
    has_ended_ = true;
  }

 private:
  void wait_or_throw(std::unique_lock<std::mutex>& lock) {
    changed_.wait(lock, [&] { return !is_stopped_; });
    if (has_ended_) throw core::Error("connection reset by peer");
  }

  std::mutex changing_;
  std::condition_variable changed_;
  std::map<std::string, std::string> values_;
  bool is_stopped_ = false;
  bool has_ended_ = false;
};

class StoreConnection : public Store {
 public:
  explicit StoreConnection(std::shared_ptr<SharedStore> store) : store_(std::move(store)) {}
  void set(const std::string& key, const std::string& value) override { store_->set(key, value); }
  std::optional<std::string> find(const std::string& key) override { return store_->find(key); }
  std::optional<std::string> wait(const std::string& key, milliseconds /*timeout*/) override { return find(key); }
  std::int64_t add(const std::string& /*key*/, std::int64_t amount) override { return amount; }

 private:
  std::shared_ptr<SharedStore> store_;
};

/// A process as its heartbeat sees it.
class WatchedGroup : public testing_support::GroupOfTwo {
 public:
  WatchedGroup(int rank, int size) : rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Activity activity() const override {
    const std::lock_guard lock(changing_);
    return activity_;
  }
  void interrupt(const std::string& reason) override {
    const std::lock_guard lock(changing_);
    if (reason_.empty()) reason_ = reason;
  }
  void wait_for(const std::string& operation, const std::string& position) {
    const std::lock_guard lock(changing_);
    activity_ = {position, operation, steady_clock::now()};
  }
  std::string interrupted_by() const {
    const std::lock_guard lock(changing_);
    return reason_;
  }

 private:
  int rank_;
  int size_;
  mutable std::mutex changing_;
  Activity activity_;
  std::string reason_;
};

struct Member {
  std::shared_ptr<WatchedGroup> group;
  std::unique_ptr<Heartbeat> heartbeat;
};

constexpr milliseconds kBeat{5};
constexpr milliseconds kLostAfter{120};  // far more than a busy machine delays a thread
constexpr milliseconds kLong{3000};

Member join_as(int rank, int size, const std::shared_ptr<SharedStore>& store,
               std::function<bool()> is_stop_wanted = {}) {
  const auto group = std::make_shared<WatchedGroup>(rank, size);
  HeartbeatOptions options{.host = "host" + std::to_string(rank),
                           .store = "rank 0 (host0:29500)",
                           .interval = kBeat,
                           .lost_after = kLostAfter,
                           .agree_within = milliseconds(20),
                           .is_stop_wanted = std::move(is_stop_wanted)};
  return {group, std::make_unique<Heartbeat>(std::make_unique<StoreConnection>(store), group, options)};
}

void expect_lost(Member& member, const std::string& text) {
  const std::optional<std::string> lost = member.heartbeat->wait_until_lost(kLong);
  ASSERT_TRUE(lost.has_value()) << "nobody was found to be lost";
  EXPECT_NE(lost->find(text), std::string::npos) << *lost;
  const steady_clock::time_point end = steady_clock::now() + kLong;
  while (member.group->interrupted_by().empty() && steady_clock::now() < end) std::this_thread::sleep_for(kBeat);
  EXPECT_EQ(member.group->interrupted_by(), *lost);
}

/// What a process that is killed has left in the store.
void leave_last_sign(SharedStore& store, int rank) {
  store.set("heartbeat/" + std::to_string(rank),
            "alive\n7\nhost" + std::to_string(rank) + "\n4711\nstep 12 of epoch 2\na decision\n\n");
}

TEST(Heartbeat, DisturbsNobodyWhileAllLive) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 2, store);
  Member second = join_as(1, 2, store);
  EXPECT_EQ(first.heartbeat->wait_until_lost(kLostAfter * 2), std::nullopt);
  second.heartbeat->leave(Leaving::kDone);
  first.heartbeat->leave(Leaving::kDone);
  EXPECT_EQ(first.group->interrupted_by(), "");
  EXPECT_EQ(second.group->interrupted_by(), "");
}

TEST(Heartbeat, DoesNotTakeSlowWorkForAHang) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 2, store);
  Member second = join_as(1, 2, store);
  first.group->wait_for("a decision", "step 1 of epoch 1");
  EXPECT_EQ(first.heartbeat->wait_until_lost(kLostAfter * 2), std::nullopt);
}

TEST(Heartbeat, NamesAProcessThatIsKilledToAllOthers) {
  const auto store = std::make_shared<SharedStore>();
  leave_last_sign(*store, 2);
  Member first = join_as(0, 3, store);
  Member second = join_as(1, 3, store);
  const std::string text =
      "rank 2 (host2, process 4711) is lost at step 12 of epoch 2, waiting for a decision: no sign of life for 0.";
  expect_lost(first, text);
  expect_lost(second, text);
}

TEST(Heartbeat, NamesAProcessThatHasNeverGivenASign) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 2, store);
  expect_lost(first, "rank 1 is lost before the first step: no sign of life for 0.");
}

TEST(Heartbeat, PassesTheErrorOfOneProcessToTheOthers) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 3, store);
  Member second = join_as(1, 3, store);
  Member third = join_as(2, 3, store);
  third.group->wait_for("", "step 3 of epoch 1");
  third.heartbeat->leave(Leaving::kFailed, "cat.jpg: not an\nimage");
  const std::string text = ") ended at step 3 of epoch 1: cat.jpg: not an image";
  expect_lost(first, text);
  expect_lost(second, text);
}

TEST(Heartbeat, PassesTheErrorOfRankZeroBeforeItsStoreGoes) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 2, store);
  Member second = join_as(1, 2, store);
  first.heartbeat->leave(Leaving::kFailed, "no space left on device");
  store->end();
  expect_lost(second, "ended before the first step: no space left on device");
}

TEST(Heartbeat, KnowsThatRankZeroIsLostWhenItsStoreIsGone) {
  const auto store = std::make_shared<SharedStore>();
  Member second = join_as(1, 2, store);
  store->end();
  expect_lost(second, "rank 0 (host0:29500) is lost: its store no longer answers (connection reset by peer)");
}

TEST(Heartbeat, KnowsThatRankZeroIsLostWhenItsStoreHangs) {
  const auto store = std::make_shared<SharedStore>();
  store->stop();
  Member second = join_as(1, 2, store);
  expect_lost(second, "rank 0 (host0:29500) is lost: its store has not answered for 0.");
  store->go_on();
}

TEST(Heartbeat, KnowsThatRankZeroIsLostWhereALauncherKeepsTheStore) {
  const auto store = std::make_shared<SharedStore>();
  leave_last_sign(*store, 0);
  Member second = join_as(1, 2, store);
  expect_lost(second, "rank 0 (host0, process 4711) is lost at step 12 of epoch 2");
}

TEST(Heartbeat, TellsAProcessThatTheOthersHaveGivenUp) {
  const auto store = std::make_shared<SharedStore>();
  store->set("heartbeat/lost", "rank 1 (host1, process 8) is lost at step 2 of epoch 1: no sign of life for 5.1 s");
  Member second = join_as(1, 2, store);
  expect_lost(second, "the other processes went on without this one: rank 1 (host1, process 8) is lost");
}

TEST(Heartbeat, ExplainsWhomTheOthersWaitFor) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 3, store);
  Member second = join_as(1, 3, store);
  Member third = join_as(2, 3, store);
  first.group->wait_for("a decision", "step 5 of epoch 1");
  second.group->wait_for("a decision", "step 5 of epoch 1");
  third.group->wait_for("", "step 4 of epoch 1");
  for (Member* member : {&first, &second}) {
    const std::string text = member->heartbeat->explain("nothing came within 1800 s");
    EXPECT_TRUE(text.starts_with("nothing came within 1800 s (rank 2 (host2, process ")) << text;
    EXPECT_TRUE(text.ends_with(") is at step 4 of epoch 1)")) << text;
  }
}

TEST(Heartbeat, ExplainsAnErrorOfTheNetworkByTheProcessThatIsLost) {
  const auto store = std::make_shared<SharedStore>();
  leave_last_sign(*store, 1);
  Member first = join_as(0, 2, store);
  EXPECT_TRUE(
      first.heartbeat->explain("connection closed by peer").starts_with("rank 1 (host1, process 4711) is lost"));
}

TEST(Heartbeat, EndsAStopOnWhichTheOthersDoNotAgreeInTime) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 2, store, [] { return true; });
  Member second = join_as(1, 2, store);
  first.group->wait_for("a decision", "step 5 of epoch 1");
  const steady_clock::time_point end = steady_clock::now() + kLong;
  while (first.group->interrupted_by().empty() && steady_clock::now() < end) std::this_thread::sleep_for(kBeat);
  EXPECT_EQ(first.group->interrupted_by(),
            "a stop is wanted, but not all processes agreed within 0.02 s: this one waits for a decision");
  EXPECT_EQ(second.group->interrupted_by(), "");
}

TEST(Heartbeat, LeavesAStopAloneThatWaitsForNobody) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 2, store, [] { return true; });
  Member second = join_as(1, 2, store);
  first.group->wait_for("", "step 5 of epoch 1");
  std::this_thread::sleep_for(milliseconds(60));
  EXPECT_EQ(first.group->interrupted_by(), "");
}

}  // namespace
}  // namespace margay::collective
