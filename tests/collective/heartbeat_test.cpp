#include "margay/collective/heartbeat.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
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
using enum LostProcess::How;

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
    ++asked_[key];
    const auto found = values_.find(key);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }
  int asked_for(const std::string& key) {
    const std::lock_guard lock(changing_);
    return asked_[key];
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
  std::map<std::string, int> asked_;
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
constexpr milliseconds kLostAfter{200};  // far more than a busy machine delays a thread
constexpr milliseconds kLong{3000};

HeartbeatOptions options_of(int rank) {
  return {.host = "host" + std::to_string(rank),
          .store = "host0:29500",
          .interval = kBeat,
          .lost_after = kLostAfter,
          .agree_within = milliseconds(20)};
}

Member join_as(int rank, int size, const std::shared_ptr<SharedStore>& store, HeartbeatOptions options) {
  const auto group = std::make_shared<WatchedGroup>(rank, size);
  return {group, std::make_unique<Heartbeat>(std::make_unique<StoreConnection>(store), group, std::move(options))};
}

Member join_as(int rank, int size, const std::shared_ptr<SharedStore>& store) {
  return join_as(rank, size, store, options_of(rank));
}

/// A process that is asked to stop.
Member join_and_stop(const std::shared_ptr<SharedStore>& store) {
  HeartbeatOptions options = options_of(0);
  options.is_stop_wanted = [] { return true; };
  return join_as(0, 2, store, std::move(options));
}

/// Whether it comes true in time.
bool comes_true(const std::function<bool()>& condition) {
  const steady_clock::time_point end = steady_clock::now() + kLong;
  while (!condition() && steady_clock::now() < end) std::this_thread::sleep_for(kBeat);
  return condition();
}

/// rank: of the process that is lost.
void expect_lost(Member& member, std::optional<int> rank, LostProcess::How how, const std::string& text) {
  const std::optional<Loss> loss = member.heartbeat->wait_for_loss(kLong);
  ASSERT_TRUE(loss.has_value()) << "nobody was found to be lost";
  EXPECT_EQ(loss->process.rank, rank);
  EXPECT_EQ(loss->process.how, how);
  EXPECT_NE(loss->reason.find(text), std::string::npos) << loss->reason;
  comes_true([&] { return !member.group->interrupted_by().empty(); });
  EXPECT_EQ(member.group->interrupted_by(), loss->reason);
}

/// What a process that is killed has left in the store.
void leave_last_sign(SharedStore& store, int rank) {
  store.set("heartbeat/" + std::to_string(rank), stored(LifeSign{.number = 7,
                                                                 .host = "host" + std::to_string(rank),
                                                                 .process = 4711,
                                                                 .position = "step 12 of epoch 2",
                                                                 .operation = "a decision"}));
}

TEST(Heartbeat, DisturbsNobodyWhileAllLive) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 2, store);
  Member second = join_as(1, 2, store);
  EXPECT_FALSE(first.heartbeat->wait_for_loss(kLostAfter * 2).has_value());
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
  EXPECT_FALSE(first.heartbeat->wait_for_loss(kLostAfter * 2).has_value());
}

TEST(Heartbeat, NamesAProcessThatIsKilledToAllOthers) {
  const auto store = std::make_shared<SharedStore>();
  leave_last_sign(*store, 2);
  Member first = join_as(0, 3, store);
  Member second = join_as(1, 3, store);
  const std::string text =
      "rank 2 (host2, process 4711) is lost at step 12 of epoch 2, waiting for a decision: no sign of life for 0.";
  expect_lost(first, 2, kSilent, text);
  expect_lost(second, 2, kSilent, text);
}

TEST(Heartbeat, SaysWhatThisProcessWaitedForMeanwhile) {
  const auto store = std::make_shared<SharedStore>();
  leave_last_sign(*store, 1);
  Member first = join_as(0, 2, store);
  first.group->wait_for("the sum of gradients", "step 13 of epoch 2");
  expect_lost(first, 1, kSilent, "; this process waited for the sum of gradients at step 13 of epoch 2");
}

TEST(Heartbeat, NamesAProcessThatHasNeverGivenASign) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 2, store);
  expect_lost(first, 1, kSilent, "rank 1 is lost before the first step: no sign of life for 0.");
}

TEST(Heartbeat, PassesTheErrorOfOneProcessToTheOthers) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 3, store);
  Member second = join_as(1, 3, store);
  Member third = join_as(2, 3, store);
  third.group->wait_for("", "step 3 of epoch 1");
  third.heartbeat->leave(Leaving::kFailed, "cat.jpg: not an\nimage");
  const std::string text = ") ended at step 3 of epoch 1: cat.jpg: not an image";
  expect_lost(first, 2, kFailed, text);
  expect_lost(second, 2, kFailed, text);
  EXPECT_TRUE(second.heartbeat->loss()->process.has_said("cat.jpg: not an\nimage"));
}

TEST(Heartbeat, PassesTheErrorOfRankZeroBeforeItsStoreGoes) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_as(0, 2, store);
  Member second = join_as(1, 2, store);
  first.heartbeat->leave(Leaving::kFailed, "no space left on device");
  store->end();
  expect_lost(second, 0, kFailed, "ended before the first step: no space left on device");
}

TEST(Heartbeat, KnowsThatRankZeroIsLostWhenItsStoreIsGone) {
  const auto store = std::make_shared<SharedStore>();
  Member second = join_as(1, 2, store);
  store->end();
  expect_lost(
      second, 0, kSilent,
      "rank 0 is lost before the first step: its store at host0:29500 no longer answers (connection reset by peer)");
}

TEST(Heartbeat, SaysWhereRankZeroWasWhenItsStoreHangs) {
  const auto store = std::make_shared<SharedStore>();
  leave_last_sign(*store, 0);
  Member second = join_as(1, 2, store);
  ASSERT_TRUE(comes_true([&] { return store->asked_for("heartbeat/lost") > 0; }));  // and so for the sign of rank 0
  store->stop();
  expect_lost(
      second, 0, kSilent,
      "rank 0 (host0, process 4711) is lost at step 12 of epoch 2, waiting for a decision: its store at host0:29500 "
      "has not answered for 0.");
  store->go_on();
}

TEST(Heartbeat, BlamesTheLauncherForItsOwnStore) {
  const auto store = std::make_shared<SharedStore>();
  HeartbeatOptions options = options_of(1);
  options.store_owner = StoreOwner::kLauncher;
  Member second = join_as(1, 2, store, std::move(options));
  store->end();
  expect_lost(second, std::nullopt, kSilent, "the launcher is lost: its store at host0:29500 no longer answers");
}

TEST(Heartbeat, KnowsThatRankZeroIsLostWhereALauncherKeepsTheStore) {
  const auto store = std::make_shared<SharedStore>();
  leave_last_sign(*store, 0);
  Member second = join_as(1, 2, store);
  expect_lost(second, 0, kSilent, "rank 0 (host0, process 4711) is lost at step 12 of epoch 2");
}

TEST(Heartbeat, TellsAProcessThatTheOthersHaveGivenUp) {
  const auto store = std::make_shared<SharedStore>();
  store->set("heartbeat/lost", stored(LostProcess{.rank = 1, .text = "rank 1 (host1, process 8) is lost"}));
  Member second = join_as(1, 2, store);
  expect_lost(second, 1, kSilent, "the other processes went on without this one: rank 1 (host1, process 8) is lost");
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

TEST(Heartbeat, EndsAProcessThatIsSlowToEndByItself) {
  const auto store = std::make_shared<SharedStore>();
  leave_last_sign(*store, 1);
  std::promise<std::string> overdue;
  HeartbeatOptions options = options_of(0);
  options.end_within = milliseconds(20);
  options.on_overdue = [&](const Loss& loss) { overdue.set_value(loss.reason); };  // a second call would throw
  Member first = join_as(0, 2, store, std::move(options));
  auto reason = overdue.get_future();
  ASSERT_EQ(reason.wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(reason.get(), first.group->interrupted_by());
  std::this_thread::sleep_for(kBeat * 8);
}

TEST(Heartbeat, LeavesAProcessAloneThatHasDoneItsPart) {
  const auto store = std::make_shared<SharedStore>();
  std::atomic<bool> is_overdue = false;
  HeartbeatOptions options = options_of(1);
  options.end_within = milliseconds(0);
  options.on_overdue = [&](const Loss& /*loss*/) { is_overdue = true; };
  Member second = join_as(1, 2, store, std::move(options));
  second.heartbeat->leave(Leaving::kDone);
  std::this_thread::sleep_for(kLostAfter * 2);  // nobody plays rank 0
  EXPECT_FALSE(is_overdue);
}

TEST(Heartbeat, EndsAStopOnWhichTheOthersDoNotAgreeInTime) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_and_stop(store);
  Member second = join_as(1, 2, store);
  first.group->wait_for("a decision", "step 5 of epoch 1");
  comes_true([&] { return !first.group->interrupted_by().empty(); });
  EXPECT_EQ(first.group->interrupted_by(),
            "a stop is wanted, but not all processes agreed within 0.02 s: this one waits for a decision");
  EXPECT_EQ(second.group->interrupted_by(), "");
}

TEST(Heartbeat, LeavesAStopAloneThatWaitsForNobody) {
  const auto store = std::make_shared<SharedStore>();
  Member first = join_and_stop(store);
  Member second = join_as(1, 2, store);
  first.group->wait_for("", "step 5 of epoch 1");
  std::this_thread::sleep_for(milliseconds(60));
  EXPECT_EQ(first.group->interrupted_by(), "");
}

}  // namespace
}  // namespace margay::collective
