#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace margay::collective {

/// The processes that train together, as one of them sees it. Every call but rank() and size() is a collective: all
/// processes must make it, in the same order, and it returns when all have. Calls come from one thread at a time. A
/// form over a network throws core::Error when a process is lost.
class Group {
 public:
  virtual ~Group() = default;

  /// Of this process, 0 to size() - 1.
  virtual int rank() const = 0;
  /// At least 1.
  virtual int size() const = 0;

  /// Replaces each value by its sum over all processes. values: as many in every process.
  virtual void sum(std::span<double> values) = 0;
  /// Replaces each value by its maximum over all processes.
  virtual void maximum(std::span<double> values) = 0;
  /// Replaces the bytes by those of the process `root`.
  virtual void broadcast(std::span<std::byte> bytes, int root) = 0;
  /// Waits for all processes.
  virtual void barrier() = 0;
};

/// The group of one process, whose collectives do nothing.
std::shared_ptr<Group> one_process();

/// Whether `mine` is true in any process.
bool any_of(Group& group, bool mine);
/// Whether `mine` is true in every process.
bool all_of(Group& group, bool mine);
/// The value of the process of rank 0.
double from_first(Group& group, double mine);

}  // namespace margay::collective
