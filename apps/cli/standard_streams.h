#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace margay::cli {

/// Gives the standard streams that the caller has closed (`margay … >&-`) something to be. Otherwise the next file that
/// is opened, a model or a log, would be taken for standard output and get what is printed. They fail as closed ones
/// do: input cannot be read, output cannot be written. Call it before any file is opened.
inline void occupy_closed_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    const int way = stream == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", way) < 0) return;  // the lowest number that is free, so this one
  }
}

}  // namespace margay::cli
