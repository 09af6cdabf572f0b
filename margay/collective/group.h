#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "margay/core/error.h"

namespace at {
class Tensor;
}

namespace margay::collective {

/// Another process of the group ended, or could not be reached. Which one, the network does not always say.
class ProcessLost : public core::Error {
 public:
  using core::Error::Error;
};

/// The group is of no more use to this process: Group::interrupt was called, or an earlier call threw.
class GroupInterrupted : public core::Error {
 public:
  using core::Error::Error;
};

/// Communication that goes on while the caller does something else. The tensors that it reads and writes must not be
/// touched before wait() has returned.
class Pending {
 public:
  virtual ~Pending() = default;
  /// Returns when it is done. Throws ProcessLost, naming what was waited for, where a process is lost, and
  /// GroupInterrupted after interrupt().
  virtual void wait() = 0;
};

/// How many elements of a flat tensor go to each process and come from it, by rank.
struct Shares {
  std::vector<std::int64_t> sent;
  std::vector<std::int64_t> received;
};

/// What a process waits for.
struct Activity {
  std::string position;   ///< of the caller, as set_position() said: "step 12 of epoch 2"; "" before the first
  std::string operation;  ///< "the sum of gradients"; "": it waits for no other process
  std::chrono::steady_clock::time_point since;  ///< when the position or the operation began, whichever is later
};

/// The processes that train together, as one of them sees it. Every call but rank(), size(), set_position(), activity()
/// and interrupt() is a collective: all processes must make it, in the same order, and it returns when all have (a
/// start_… function at once; its Pending waits). Calls come from one thread at a time. A form over a network throws
/// ProcessLost when a process is lost, and GroupInterrupted in all later calls.
class Group {
 public:
  virtual ~Group() = default;

  /// Of this process, 0 to size() - 1.
  virtual int rank() const = 0;
  /// At least 1.
  virtual int size() const = 0;

  /// Replaces each value by its sum over all processes, in an order that depends on their number. values: as many in
  /// every process.
  virtual void sum(std::span<double> values) = 0;
  /// Replaces each value by its maximum over all processes.
  virtual void maximum(std::span<double> values) = 0;
  /// Replaces the bytes by those of the process `root`.
  virtual void broadcast(std::span<std::byte> bytes, int root) = 0;
  /// What every process passes, by rank; each may pass any number of bytes.
  virtual std::vector<std::string> gather(const std::string& mine) = 0;
  /// Waits for all processes.
  virtual void barrier() = 0;

  /// Replaces the elements by their sums over all processes, by a ring: the same bits in every process, in an order
  /// that depends on their number. flat: contiguous, float32 or float64, on the device of the group.
  virtual std::unique_ptr<Pending> start_sum(const at::Tensor& flat) = 0;
  /// Sends to every process its share of `sent` and writes theirs into `received`, both in the order of ranks, also to
  /// and from this process itself. Both: flat, contiguous, float32, as long as their shares.
  virtual std::unique_ptr<Pending> start_exchange(const at::Tensor& sent, const at::Tensor& received,
                                                  const Shares& shares) = 0;
  /// Writes what every process passes into `all`, in the order of ranks. mine: flat, contiguous, float32, as long in
  /// every process; all: size() times as long.
  virtual std::unique_ptr<Pending> start_all_gather(const at::Tensor& mine, const at::Tensor& all) = 0;

  /// Says where the caller is, for messages and for activity(). Any thread.
  virtual void set_position(std::string position) = 0;
  /// Any thread.
  virtual Activity activity() const = 0;
  /// Ends what this process waits for now and every later call with GroupInterrupted(reason); only the first reason
  /// counts. For whoever learns that a process is lost before the network does. Any thread.
  virtual void interrupt(const std::string& reason) = 0;
};

/// The group of one process, whose collectives do nothing.
std::shared_ptr<Group> one_process();

/// Whether `mine` is true in any process.
bool any_of(Group& group, bool mine);
/// Whether `mine` is true in every process.
bool all_of(Group& group, bool mine);
/// The value of the process of rank 0.
double from_first(Group& group, double mine);
/// The text of the process of rank 0.
std::string from_first(Group& group, const std::string& mine);

/// What all processes must have in common before the first step.
struct SameThing {
  std::string name;   ///< for the message: "the data", "`seed`"
  std::string value;  ///< short: a number, a digest
};

/// Compares with all processes. Throws std::invalid_argument, in all of them alike, which names the first thing that
/// differs, the ranks that differ from most others and their values. hosts: of each rank, for the message; none: the
/// names of their machines.
void check_same(Group& group, const std::vector<SameThing>& mine, const std::vector<std::string>& hosts = {});

}  // namespace margay::collective
