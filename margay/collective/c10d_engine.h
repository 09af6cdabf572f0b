#pragma once

#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include <torch/version.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#if TORCH_VERSION_MAJOR >= 2
#include <torch/csrc/distributed/c10d/Backend.hpp>
#endif

#include "margay/collective/process_group.h"

/// What differs between the c10d of LibTorch 1.13 and that of 2.x, and the engines that a build may lack.
namespace margay::collective {

/// What Gloo's and NCCL's classes have in common: from 2.0 on a ProcessGroup dispatches to several Backends.
#if TORCH_VERSION_MAJOR >= 2
using Engine = c10d::Backend;
#else
using Engine = c10d::ProcessGroup;
#endif

/// LibTorch 2 prefers a store on libuv, which it may have been built without, as Debian's is; then there is no store at
/// all.
template <class StoreOptions>
void take_plain_store(StoreOptions& options) {
  if constexpr (requires { options.useLibUV; }) options.useLibUV = false;
}

/// How an engine is begun.
struct EngineOptions {
  c10::intrusive_ptr<c10d::Store> store;
  int rank = 0;
  int world = 1;
  std::chrono::milliseconds timeout{0};
};

/// What `call` gives or throws; nothing after `limit`, and then a thread is left behind with it: what listens at an
/// address may be another program, and never answer.
template <class Call>
auto in_time(std::chrono::milliseconds limit, Call call) -> std::optional<decltype(call())> {
  std::packaged_task<decltype(call())()> task(std::move(call));
  auto answer = task.get_future();
  std::thread(std::move(task)).detach();
  if (answer.wait_for(limit) != std::future_status::ready) return std::nullopt;
  return answer.get();
}

/// Throws core::Error: another program has the address of rank 0.
[[noreturn]] void refuse_listener(const ProcessGroupOptions& options);

/// Whether a process listens where the others find the store, or connects to it.
enum class StoreRole { kBegins, kJoins };

/// Its keys are those of options.run. Throws as join().
c10::intrusive_ptr<c10d::Store> open_store(const ProcessGroupOptions& options, StoreRole role);
/// An open store by its interface.
std::unique_ptr<Store> store_of(c10::intrusive_ptr<c10d::Store> store, const ProcessGroupOptions& options);

/// Null where this build has no NCCL (nccl_engine_none.cpp).
c10::intrusive_ptr<Engine> nccl_engine(const EngineOptions& options);
bool has_nccl_engine();

}  // namespace margay::collective
