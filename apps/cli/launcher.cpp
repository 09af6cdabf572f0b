// `margay`: prints its version at once and hands everything else to margay-program, which loads LibTorch. It also
// sets what libraries read from the environment before main begins, unless the user has set it.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace {

namespace fs = std::filesystem;

/// Beside this program in a build folder, under libexec/margay where it is installed.
fs::path find_program() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  fs::path beside = self.parent_path() / "margay-program";
  if (fs::exists(beside)) return beside;
  return self.parent_path().parent_path() / "libexec" / "margay" / "margay-program";
}

void set_environment() {
  constexpr int kKeepUsers = 0;
  // Threads that wait for the next parallel region sleep instead of spinning: the loader uses those gaps.
  setenv("OMP_WAIT_POLICY", "PASSIVE", kKeepUsers);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::puts("margay " MARGAY_VERSION);
    return 0;
  }
  set_environment();
  const fs::path program = find_program();
  execv(program.c_str(), argv);
  std::fprintf(stderr, "margay: cannot start %s: %s; install or build Margay again\n", program.c_str(),
               std::strerror(errno));
  return 1;
}
