#include "margay/core/spawn.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/descriptor.h"

namespace margay::core {
namespace {

struct Pipe {
  Descriptor to_read;
  Descriptor to_write;
};

Pipe opened_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

std::string all_of(Pipe pipe) {
  pipe.to_write.close();
  std::string text;
  char letter = 0;
  while (::read(pipe.to_read.number(), &letter, 1) == 1) text += letter;
  return text;
}

SpawnOptions shell(const std::string& script, const std::string& argument = "") {
  return {.program = "/bin/sh", .words = {"sh", "-c", script, argument}};
}

pid_t started(const SpawnOptions& options) {
  std::error_code failure;
  const pid_t process = spawn(options, failure);
  EXPECT_FALSE(failure) << failure.message();
  return process;
}

int status_of(pid_t process) {
  int status = -1;
  EXPECT_EQ(::waitpid(process, &status, 0), process);
  return status;
}

TEST(Spawn, GivesTheProgramItsThreeStreams) {
  Pipe input = opened_pipe();
  Pipe output = opened_pipe();
  Pipe complaints = opened_pipe();
  SpawnOptions options = shell("read line; echo \"$line, $0\"; echo oh >&2", "Felis");
  options.input = input.to_read.number();
  options.output = output.to_write.number();
  options.complaints = complaints.to_write.number();
  const pid_t process = started(options);
  EXPECT_EQ(::write(input.to_write.number(), "meow\n", 5), 5);
  EXPECT_EQ(all_of(std::move(output)), "meow, Felis\n");
  EXPECT_EQ(all_of(std::move(complaints)), "oh\n");
  EXPECT_EQ(status_of(process), 0);
}

TEST(Spawn, OpensNothingElse) {
  constexpr int kBeyondAllOthers = 300;
  const Descriptor inherited(::fcntl(opened_pipe().to_read.number(), F_DUPFD, kBeyondAllOthers));
  ASSERT_TRUE(inherited.is_open());
  const auto number = std::to_string(inherited.number());
  EXPECT_EQ(status_of(started(shell("test -e /proc/self/fd/0 && test ! -e /proc/self/fd/$0", number))), 0);
  EXPECT_EQ(status_of(started(shell("test -z \"$(cat)\" && echo nowhere && echo nowhere >&2"))), 0) << "/dev/null";
}

TEST(Spawn, PutsTheProgramIntoTheGroupThatIsWanted) {
  for (const SpawnGroup group : {SpawnGroup::kSame, SpawnGroup::kOwn, SpawnGroup::kOwnSession}) {
    Pipe input = opened_pipe();
    SpawnOptions options = shell("read line");
    options.input = input.to_read.number();
    options.group = group;
    const pid_t process = started(options);
    EXPECT_EQ(::getpgid(process) == process, group != SpawnGroup::kSame);
    EXPECT_EQ(::getsid(process) == process, group == SpawnGroup::kOwnSession);
    input.to_write.close();
    status_of(process);
  }
}

TEST(Spawn, GivesSignalsTheirUsualMeaningButForThoseThatAreBlocked) {
  const auto before = ::signal(SIGUSR1, SIG_IGN);
  SpawnOptions options = shell("kill -USR1 $$");
  const int usual = status_of(started(options));
  options.blocked_signals = {SIGUSR1};
  const int blocked = status_of(started(options));
  ::signal(SIGUSR1, before);
  EXPECT_TRUE(WIFSIGNALED(usual) && WTERMSIG(usual) == SIGUSR1) << usual;
  EXPECT_EQ(blocked, 0);
}

TEST(Spawn, TellsWhyThereIsNoProcess) {
  std::error_code failure;
  EXPECT_EQ(spawn({.program = "/none/such", .words = {"such"}}, failure), 0);
  EXPECT_EQ(failure, std::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace margay::core
