#include "margay/core/spawn.h"

#include <csignal>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

namespace margay::core {
namespace {

/// The streams, which must be open when the others are closed.
class SpawnStreams {
 public:
  explicit SpawnStreams(const SpawnOptions& options) {
    ::posix_spawn_file_actions_init(&actions_);
    put(options.input, STDIN_FILENO);
    put(options.output, STDOUT_FILENO);
    put(options.complaints, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
  }
  SpawnStreams(const SpawnStreams&) = delete;
  SpawnStreams& operator=(const SpawnStreams&) = delete;
  ~SpawnStreams() { ::posix_spawn_file_actions_destroy(&actions_); }

  const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  void put(int descriptor, int stream) {
    if (descriptor < 0) {
      ::posix_spawn_file_actions_addopen(&actions_, stream, "/dev/null", O_RDWR, 0);
    } else {
      ::posix_spawn_file_actions_adddup2(&actions_, descriptor, stream);
    }
  }

  posix_spawn_file_actions_t actions_{};
};

class SpawnAttributes {
 public:
  explicit SpawnAttributes(const SpawnOptions& options) {
    ::posix_spawnattr_init(&attributes_);
    sigset_t blocked;
    sigset_t usual;
    ::sigemptyset(&blocked);
    for (const int signal : options.blocked_signals) ::sigaddset(&blocked, signal);
    ::sigfillset(&usual);
    ::posix_spawnattr_setsigmask(&attributes_, &blocked);
    ::posix_spawnattr_setsigdefault(&attributes_, &usual);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, flags(options.group));
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }

  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  static short flags(SpawnGroup group) {
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (group == SpawnGroup::kOwn) flags |= POSIX_SPAWN_SETPGROUP;
    if (group == SpawnGroup::kOwnSession) flags |= POSIX_SPAWN_SETSID;
    return static_cast<short>(flags);
  }

  posix_spawnattr_t attributes_{};
};

}  // namespace

pid_t spawn(const SpawnOptions& options, std::error_code& failure) {
  const SpawnStreams streams(options);
  const SpawnAttributes attributes(options);
  std::vector<std::string> words = options.words;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t process = 0;
  const int error = ::posix_spawn(&process, options.program.c_str(), streams.actions(), attributes.attributes(),
                                  arguments.data(), environ);
  failure = {error, std::generic_category()};
  return error == 0 ? process : 0;
}

}  // namespace margay::core
