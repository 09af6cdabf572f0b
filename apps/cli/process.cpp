#include "apps/cli/process.h"

#include <cstdlib>

#include <atomic>
#include <csignal>

#include "margay/core/threads.h"
#include "margay/data/loader/batch.h"
#include "margay/model/cpu.h"

namespace margay::cli {

void prepare_to_compute() {
  model::use_cpu_threads(core::available_cpus(), model::ThreadPlacement::kPinned);
  model::keep_cpu_memory();
  data::keep_image_memory();
}

namespace {

// A signal handler can reach nothing but globals; this is the program's only one.
std::atomic<bool> stop_wanted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void ask_to_stop(int signal) {
  stop_wanted = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void listen_for_stop() {
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  if (std::signal(SIGHUP, ask_to_stop) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);  // nohup
}

void forget_stop() { stop_wanted = false; }

bool is_stop_wanted() { return stop_wanted; }

std::filesystem::path user_cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
  if (cache != nullptr && *cache != '\0') return std::filesystem::path(cache) / "margay";
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  if (home != nullptr && *home != '\0') return std::filesystem::path(home) / ".cache" / "margay";
  return {};
}

}  // namespace margay::cli
