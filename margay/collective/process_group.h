#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "margay/collective/group.h"

namespace margay::collective {

/// What carries the messages: LibTorch's c10d over TCP (Gloo) for tensors in main memory, over NCCL for those of GPUs.
enum class Backend { kGloo, kNccl };

constexpr auto names(Backend /*tag*/) {
  return std::array{std::pair{Backend::kGloo, "gloo"}, std::pair{Backend::kNccl, "nccl"}};
}

/// Whether the store through which processes find each other is begun by rank 0, or has been begun by the launcher (the
/// agent of torchrun does) and is only joined.
enum class StoreOwner { kFirstRank, kLauncher };

/// How a process finds the others.
struct ProcessGroupOptions {
  int rank = 0;                    ///< of this process, 0 to world - 1
  int world = 1;                   ///< number of processes
  int local_rank = 0;              ///< among those of this machine, from 0: its GPU
  std::string host = "127.0.0.1";  ///< where rank 0 (or the launcher) listens
  std::uint16_t port = 29500;      ///< PyTorch's default
  StoreOwner store_owner = StoreOwner::kFirstRank;
  std::string run;  ///< part of every key, so that attempts that share a launcher's store do not mix
  Backend backend = Backend::kGloo;
  std::string interface;  ///< network interface of this machine, such as eth0; "": that of the host's name
  std::chrono::milliseconds join_timeout{120'000};    ///< until all have come
  std::chrono::milliseconds wait_timeout{1'800'000};  ///< of one collective; a heartbeat finds the dead earlier
};

/// Texts by key, which all processes of a run see. One connection: one thread at a time; a thread that looks while
/// another waits needs a Store of its own. Functions throw core::Error where the connection is lost.
class Store {
 public:
  virtual ~Store() = default;
  virtual void set(const std::string& key, const std::string& value) = 0;
  /// Nothing while no process has set it.
  virtual std::optional<std::string> find(const std::string& key) = 0;
  /// Waits until it is set; nothing after the timeout.
  virtual std::optional<std::string> wait(const std::string& key, std::chrono::milliseconds timeout) = 0;
  /// Adds to the number behind the key, 0 at first, and returns the sum. The keys of numbers and of texts are apart.
  virtual std::int64_t add(const std::string& key, std::int64_t amount) = 0;
};

/// A connection to the store of a group that has been joined. Throws core::Error where nobody listens.
std::unique_ptr<Store> connect_store(const ProcessGroupOptions& options);

/// Whether this build has the backend.
bool has_backend(Backend backend);

/// Joins the group; returns when all processes have. With a world of 1 it is one_process(). Throws
/// std::invalid_argument for options out of range, for a backend that this build lacks, and for a rank that two
/// processes have; core::Error for an address where nobody listens, a port that is taken, and ranks that have not come
/// within join_timeout, which it names.
std::shared_ptr<Group> join(const ProcessGroupOptions& options);

}  // namespace margay::collective
