#include "margay/collective/process_group.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <span>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "tests/support/joined_threads.h"
#include "tests/support/thrown_message.h"

namespace margay::collective {
namespace {

using testing_support::free_port;
using testing_support::local_options;
using testing_support::run_joined;

class ProcessGroups : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_backend(Backend::kGloo)) GTEST_SKIP() << "this LibTorch has no Gloo";
  }
};

TEST_F(ProcessGroups, AddCompareAndTellValues) {
  run_joined(3, [](const std::shared_ptr<Group>& group) {
    const double rank = group->rank();
    EXPECT_EQ(group->size(), 3);
    std::array<double, 2> values = {rank, 10 * rank};
    group->sum(values);
    EXPECT_EQ(values, (std::array<double, 2>{3, 30}));
    values = {rank, -rank};
    group->maximum(values);
    EXPECT_EQ(values, (std::array<double, 2>{2, 0}));
    EXPECT_EQ(from_first(*group, rank + 0.25), 0.25);
    EXPECT_EQ(from_first(*group, std::string(group->rank() == 0 ? "first" : "other")), "first");
    EXPECT_TRUE(any_of(*group, group->rank() == 1));
    EXPECT_FALSE(all_of(*group, group->rank() == 1));
    const std::vector<std::string> lengths = {"", "a", "bb"};
    EXPECT_EQ(group->gather(lengths[static_cast<std::size_t>(group->rank())]), lengths);
    group->barrier();
  });
}

TEST_F(ProcessGroups, AddAndExchangeTensors) {
  run_joined(2, [](const std::shared_ptr<Group>& group) {
    const int rank = group->rank();
    const at::Tensor sum = torch::full({5}, static_cast<float>(rank + 1));
    group->start_sum(sum)->wait();
    EXPECT_TRUE(sum.equal(torch::full({5}, 3.0F)));
    // Rank 0 gets the first two of each, rank 1 the last one.
    const at::Tensor sent = torch::arange(3, torch::kFloat) + 10 * rank;
    const at::Tensor received = torch::zeros({rank == 0 ? 4 : 2});
    const std::int64_t own = rank == 0 ? 2 : 1;
    group->start_exchange(sent, received, {.sent = {2, 1}, .received = {own, own}})->wait();
    EXPECT_TRUE(received.equal(rank == 0 ? torch::tensor({0.F, 1.F, 10.F, 11.F}) : torch::tensor({2.F, 12.F})));
    const at::Tensor all = torch::zeros({4});
    group->start_all_gather(torch::full({2}, static_cast<float>(rank)), all)->wait();
    EXPECT_TRUE(all.equal(torch::tensor({0.F, 0.F, 1.F, 1.F})));
  });
}

TEST_F(ProcessGroups, SayWhichProcessDiffers) {
  std::array<std::string, 3> messages;
  run_joined(3, [&](const std::shared_ptr<Group>& group) {
    const std::string seed = group->rank() == 1 ? "7" : "42";
    messages[static_cast<std::size_t>(group->rank())] = testing_support::thrown_message<std::invalid_argument>([&] {
      check_same(*group, {{"`batch_size`", "8"}, {"`seed`", seed}}, {"a", "b", "c"});
    });
    check_same(*group, {{"`batch_size`", "8"}});
  });
  for (const std::string& message : messages) {
    EXPECT_EQ(message,
              "[distributed] `seed` must be the same in all processes: rank 0 (a) has 42, but rank 1 (b) has 7");
  }
}

TEST_F(ProcessGroups, NameTheProcessesThatHaveNotCome) {
  ProcessGroupOptions options = local_options(0, 3, free_port());
  options.join_timeout = std::chrono::milliseconds(200);
  const std::string message = testing_support::thrown_message<core::Error>([&] { join(options); });
  EXPECT_NE(message.find("of 3 processes rank 1, 2 have not come"), std::string::npos) << message;
}

TEST_F(ProcessGroups, SayThatTheyWereStartedForOtherWorlds) {
  const std::uint16_t port = free_port();
  std::array<std::string, 2> messages;
  std::vector<std::jthread> threads;
  for (const int rank : {0, 1}) {
    threads.emplace_back([&, rank] {
      try {
        join(local_options(rank, 2 + rank, port));
      } catch (const std::exception& error) {
        messages[static_cast<std::size_t>(rank)] = error.what();
      }
    });
  }
  threads.clear();
  EXPECT_NE(messages[0].find(") is one of 2 processes, but rank 1 ("), std::string::npos) << messages[0];
  // The store may have ended with rank 0.
  EXPECT_TRUE(messages[1].find(") is one of 3 processes, but rank 0 (") != std::string::npos ||
              messages[1].ends_with("rank 0 says why"))
      << messages[1];
}

TEST_F(ProcessGroups, RefuseARankThatTwoProcessesHave) {
  const std::uint16_t port = free_port();
  std::atomic<int> refused = 0;
  std::vector<std::jthread> threads;
  for (const int rank : {0, 1, 1}) {
    threads.emplace_back([&, rank] {
      try {
        const auto group = join(local_options(rank, 2, port));
        refused.wait(0);  // the store is rank 0's, and must be there for the third
      } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("two processes want to be rank 1"), std::string::npos);
        ++refused;
        refused.notify_all();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(refused, 1);
}

/// A program that listens and never answers.
int listen_on(std::uint16_t port) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  EXPECT_EQ(bind(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(listen(socket_fd, 8), 0);
  return socket_fd;
}

TEST_F(ProcessGroups, SayThatAPortIsTaken) {
  const std::uint16_t port = free_port();
  const int socket_fd = listen_on(port);
  ProcessGroupOptions options = local_options(0, 2, port);
  options.join_timeout = std::chrono::milliseconds(300);
  const std::string message = testing_support::thrown_message<core::Error>([&] { join(options); });
  close(socket_fd);
  EXPECT_NE(message.find("rank 0 cannot listen on port " + std::to_string(port) + ", which another program has"),
            std::string::npos)
      << message;
}

TEST_F(ProcessGroups, SayThatWhatListensIsNoRankZero) {
  const std::uint16_t port = free_port();
  listen_on(port);  // until the program ends, which LibTorch's threads would do where the connection ends before
  ProcessGroupOptions options = local_options(1, 2, port);
  options.join_timeout = std::chrono::milliseconds(300);
  const std::string message = testing_support::thrown_message<core::Error>([&] { join(options); });
  EXPECT_NE(message.find(fmt::format("what listens at 127.0.0.1:{} does not answer", port)), std::string::npos)
      << message;
}

TEST_F(ProcessGroups, RefuseRanksOutsideTheWorld) {
  for (const auto& [rank, world] : {std::pair{2, 2}, {-1, 2}, {0, 0}}) {
    EXPECT_THROW(join({.rank = rank, .world = world}), std::invalid_argument);
  }
}

TEST_F(ProcessGroups, EndTheirWaitingWhenTheyAreInterrupted) {
  run_joined(2, [](const std::shared_ptr<Group>& group) {
    group->set_position("step 7");
    if (group->rank() == 1) {
      group->interrupt("the other process was not asked");
      EXPECT_THROW(group->barrier(), core::Error);
      return;
    }
    std::jthread watcher([&] {
      while (group->activity().operation.empty()) std::this_thread::yield();
      EXPECT_EQ(group->activity().position, "step 7");
      group->interrupt("rank 1 is gone");
    });
    const std::string message = testing_support::thrown_message<core::Error>([&] { group->barrier(); });
    EXPECT_TRUE(message == "rank 1 is gone" || message.find("another process was lost") != std::string::npos)
        << message;
  });
}

/// Two processes, as the program has them; the second one dies.
TEST_F(ProcessGroups, NoticeThatAnotherProcessHasDied) {
  const std::uint16_t port = free_port();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto group = join(local_options(1, 2, port));
    group->barrier();
    _exit(9);
  }
  const auto group = join(local_options(0, 2, port));
  group->barrier();
  group->set_position("step 3");
  const std::string message = testing_support::thrown_message<ProcessLost>([&] { group->barrier(); });
  EXPECT_EQ(message.find("[distributed] another process was lost while this one waited for all processes in step 3"),
            0U)
      << message;
  EXPECT_THROW(group->barrier(), core::Error) << "the group is of no more use";
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 9);
}

TEST(ProcessGroupOfOne, NeedsNoOther) { EXPECT_EQ(join({.rank = 0, .world = 1})->size(), 1); }

}  // namespace
}  // namespace margay::collective
