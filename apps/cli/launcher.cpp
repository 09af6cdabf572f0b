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

#include "apps/cli/standard_streams.h"

namespace {

namespace fs = std::filesystem;

/// Beside this program in a build folder, under libexec/margay where it is installed.
fs::path find_program(const char* name) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  fs::path beside = self.parent_path() / name;
  if (fs::exists(beside)) return beside;
  return self.parent_path().parent_path() / "libexec" / "margay" / name;
}

void set_environment() {
  constexpr int kKeepUsers = 0;
  // Threads that wait for the next parallel region sleep instead of spinning: the loader uses those gaps.
  setenv("OMP_WAIT_POLICY", "PASSIVE", kKeepUsers);
  // LibTorch's start takes many small pieces of memory; large steps save a quarter of its time. With a step of its own
  // glibc no longer moves the thresholds, so these are what it moves them to where images come and go
  // (keep_image_memory).
  setenv("MALLOC_TOP_PAD_", "16777216", kKeepUsers);
  setenv("MALLOC_MMAP_THRESHOLD_", "33554432", kKeepUsers);
  setenv("MALLOC_TRIM_THRESHOLD_", "67108864", kKeepUsers);
  unsetenv("LD_BIND_NOW");  // would ask for functions that LibTorch never calls (cmake/MargayUnusedLibraries.cmake)
}

int print_version() {
  std::puts("margay " MARGAY_VERSION);
  if (std::fflush(stdout) == 0) return 0;
  std::fprintf(stderr, "margay: standard output cannot be written (%s)\n", std::strerror(errno));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  margay::cli::occupy_closed_streams();  // before the libraries of margay-program open files of their own
  if (argc == 2 && std::string_view(argv[1]) == "--version") return print_version();
  set_environment();
  const bool is_studio = argc >= 2 && std::string_view(argv[1]) == "studio";  // studio_launcher.cpp
  const fs::path program = find_program(is_studio ? "margay-studio" : "margay-program");
  execv(program.c_str(), argv);
  std::fprintf(stderr, "margay: cannot start %s: %s; install or build Margay again\n", program.c_str(),
               std::strerror(errno));
  return 1;
}
