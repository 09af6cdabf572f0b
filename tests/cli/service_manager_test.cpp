#include "apps/cli/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

using std::chrono::milliseconds;

/// An environment variable that is as before when this goes.
class SetVariable {
 public:
  SetVariable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  SetVariable(const SetVariable&) = delete;
  SetVariable& operator=(const SetVariable&) = delete;
  ~SetVariable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

/// What a service manager hears.
std::string heard_from(const std::string& path, const std::string& variable, const std::string& state) {
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), length), 0) << path;
  const SetVariable notify("NOTIFY_SOCKET", variable);
  notify_service_manager(state);
  std::string heard(100, '\0');
  const ssize_t size = ::recv(socket, heard.data(), heard.size(), 0);
  ::close(socket);
  heard.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return heard;
}

TEST(ServiceManager, HearsThatTheServerIsReady) {
  const testing_support::TemporaryFolder folder;
  const std::string path = folder / "notify";
  EXPECT_EQ(heard_from(path, path, "READY=1\nSTATUS=x"), "READY=1\nSTATUS=x");
  const std::string name = "margay-test-" + std::to_string(::getpid());
  EXPECT_EQ(heard_from(std::string(1, '\0') + name, "@" + name, "STOPPING=1"), "STOPPING=1");
}

TEST(ServiceManager, ThatIsNotThereIsNoError) {
  notify_service_manager("READY=1");
  for (const char* place : {"/nothing/there", "relative", "", "@", "unix:/x"}) {
    const SetVariable notify("NOTIFY_SOCKET", place);
    EXPECT_NO_THROW(notify_service_manager("READY=1")) << place;
  }
}

TEST(ServiceManager, HandsSocketsToTheProcessThatItNames) {
  EXPECT_TRUE(inherited_sockets().empty());
  const SetVariable process("LISTEN_PID", std::to_string(::getpid()));
  {
    const SetVariable count("LISTEN_FDS", "2");
    EXPECT_EQ(inherited_sockets(), (std::vector<int>{3, 4}));
    const SetVariable other("LISTEN_PID", std::to_string(::getpid() + 1));
    EXPECT_TRUE(inherited_sockets().empty());
  }
  const SetVariable again("LISTEN_PID", std::to_string(::getpid()));
  for (const char* count : {"0", "-1", "x", "", "1000000"}) {
    const SetVariable fds("LISTEN_FDS", count);
    EXPECT_TRUE(inherited_sockets().empty()) << count;
  }
}

TEST(ServiceManager, SignalsAskToReloadAndToStop) {
  listen_for_service_signals();
  EXPECT_EQ(wait_for_signal(milliseconds(1)), ServiceSignal::kNone);
  std::raise(SIGHUP);
  EXPECT_EQ(wait_for_signal(milliseconds(10'000)), ServiceSignal::kReload);
  EXPECT_EQ(wait_for_signal(milliseconds(1)), ServiceSignal::kNone);
  std::raise(SIGTERM);
  std::raise(SIGHUP);
  EXPECT_EQ(wait_for_signal(milliseconds(10'000)), ServiceSignal::kStop);
  struct sigaction action = {};
  ::sigaction(SIGINT, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);  // a second signal ends the program at once
  std::signal(SIGHUP, SIG_DFL);
}

}  // namespace
}  // namespace margay::cli
