// `margay studio`: prints the address and shows the page at once, while margay-program, which loads LibTorch, begins
// and takes over (apps/studio/studio_start.h). What it does not understand it leaves to that program from the start.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/standard_streams.h"
#include "apps/studio/served_folders.h"
#include "apps/studio/studio_start.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/http/hand_over.h"

namespace {

using namespace margay;

std::filesystem::path find_program() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "margay-program";
}

/// Only margay-program, which the user knows, has a standard output, and with it a reader that waits for its end.
void leave_standard_streams() {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, stream);
}

/// A signal that comes before margay-program listens to it waits until then.
void hold_signals_back() {
  sigset_t held;
  sigemptyset(&held);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&held, signal);
  ::sigprocmask(SIG_BLOCK, &held, nullptr);
}

/// As cli::Output does it, which shows progress of what needs LibTorch.
void print_address(const studio::ServedFolders& folders, const std::string& page) {
  std::string text;
  for (const studio::ServedFolder& folder : folders.all()) text += core::spelled_out(folder.path.string()) + "\n";
  text += "Studio: " + page + "\n";
  const bool is_out = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!is_out) throw core::Error("no output");
}

/// Whatever happens: margay-program, which listens on the same sockets, is there soon.
[[noreturn]] void serve_until_succeeded(const studio::StudioOptions& options, studio::Access& access,
                                        const std::vector<http::Listener>& listeners, int end) {
  try {
    studio::serve_page(options, access, listeners, end);
  } catch (const std::exception&) {
    ::_exit(1);
  }
  ::_exit(0);
}

/// Does not return. Throws where margay-program has to say why it cannot begin.
void begin(const studio::StudioOptions& options, const std::filesystem::path& program, char** argv) {
  const studio::ServedFolders folders(options.folders, options.runs);
  studio::Access access(options);
  const std::vector<http::Listener> listeners = http::listen_tcp(options.host, options.port);
  const std::array<int, 2> ends = http::hand_over_pair();
  const pid_t page_process = ::fork();
  if (page_process < 0) throw core::Error("no process");
  if (page_process == 0) {
    ::close(ends[1]);
    leave_standard_streams();
    serve_until_succeeded(options, access, listeners, ends[0]);
  }
  hold_signals_back();
  try {
    print_address(folders, access.page_address(listeners.front().address()));
    studio::leave_start({.token = access.token(), .page_process = page_process}, listeners, ends);
  } catch (const std::exception&) {  // margay-program will want the port
    ::kill(page_process, SIGKILL);
    ::waitpid(page_process, nullptr, 0);
    throw;
  }
  ::execv(program.c_str(), argv);
}

}  // namespace

int main(int argc, char** argv) {
  cli::occupy_closed_streams();
  const std::filesystem::path program = find_program();
  try {
    const std::optional<studio::StudioOptions> options = studio::plain_options({argv + 2, argv + argc});
    if (options && std::getenv("LISTEN_PID") == nullptr) begin(*options, program, argv);
  } catch (const std::exception&) {  // margay-program meets the same, and says it
  }
  ::execv(program.c_str(), argv);
  std::fprintf(stderr, "margay: cannot start %s: %s; install or build Margay again\n", program.c_str(),
               std::strerror(errno));
  return 1;
}
