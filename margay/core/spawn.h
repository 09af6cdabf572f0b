#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include <sys/types.h>

namespace margay::core {

/// To whom signals of the terminal, such as ctrl-C, go: to a process of the same group as this one, too.
enum class SpawnGroup { kSame, kOwn, kOwnSession };

/// How another program begins: with the signals as a shell gives them, and nothing open but its three standard streams.
struct SpawnOptions {
  std::filesystem::path program;
  std::vector<std::string> words;  ///< its arguments, of which the first is its name
  int input = -1;                  ///< a descriptor of this process, as the next; -1: /dev/null
  int output = -1;
  int complaints = -1;
  SpawnGroup group = SpawnGroup::kSame;
  std::vector<int> blocked_signals = {};  ///< they reach it only if it asks for them
};

/// Starts the program and returns the number of its process, for which this one must wait (waitpid); 0 with `failure`.
pid_t spawn(const SpawnOptions& options, std::error_code& failure);

}  // namespace margay::core
