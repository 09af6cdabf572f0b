#include <stdexcept>

#include "margay/collective/process_group.h"

/// In place of process_group_c10d.cpp, where LibTorch was built without c10d's Gloo or Gloo's headers are missing.
namespace margay::collective {
namespace {

[[noreturn]] void refuse_processes() {
  throw std::invalid_argument(
      "[distributed] this build of Margay cannot train with several processes: its LibTorch has no c10d with Gloo, or "
      "Gloo's headers (Debian's libgloo-dev) were missing when it was built");
}

}  // namespace

bool has_backend(Backend /*backend*/) { return false; }

std::unique_ptr<Store> connect_store(const ProcessGroupOptions& /*options*/) { refuse_processes(); }

std::shared_ptr<Group> join(const ProcessGroupOptions& options) {
  if (options.world == 1) return one_process();
  refuse_processes();
}

}  // namespace margay::collective
