#pragma once

#include <cstdint>
#include <vector>

#include "margay/collective/group.h"

namespace margay::collective {

/// How fast the processes add up tensors of one size.
struct SumSpeed {
  std::int64_t bytes = 0;  ///< of the float32 tensor of each process
  int repeats = 0;
  double seconds = 0;  ///< the median; of each repeat the slowest process counts
  double fastest_s = 0;
  double slowest_s = 0;

  double bytes_per_s() const { return static_cast<double>(bytes) / seconds; }
  /// What each link carries meanwhile, whatever the number of processes: 2 (n - 1) / n of the tensor goes into each and
  /// out of it (ring all-reduce: Patarasuk, Yuan 2009; NVIDIA's nccl-tests, PERFORMANCE.md, call it bus bandwidth).
  double link_bytes_per_s(int processes) const { return bytes_per_s() * 2 * (processes - 1) / processes; }
};

/// A collective: all processes call it with the same numbers. Each size is repeated for about `seconds`, at least five
/// times after two that do not count. sizes: bytes, at least 4. Results are the same in all processes.
std::vector<SumSpeed> measure_sums(Group& group, const std::vector<std::int64_t>& sizes, double seconds);

/// How one process reaches that of rank 0.
struct LinkSpeed {
  double latency_s = 0;    ///< the median time of an exchange of four bytes, both ways at once
  double bytes_per_s = 0;  ///< in each direction, of large messages both ways at once
};

/// The links of all processes to rank 0, one after the other; that of rank 0 itself is 0. bytes: of the large message.
/// A collective as measure_sums.
std::vector<LinkSpeed> measure_links(Group& group, std::int64_t bytes, int repeats);

/// How far a process's clock is ahead of that of rank 0.
struct ClockOffset {
  double seconds = 0;
  double uncertainty_s = 0;  ///< the time in which both clocks were read
};

/// By rank. Both clocks are read between a barrier and the end of an exchange; that among `rounds` counts which took
/// the least time (Cristian, Probabilistic clock synchronization, 1989). A collective.
std::vector<ClockOffset> measure_clocks(Group& group, int rounds);

/// What a sum over other numbers of processes and other links would take, by a latency and a rate: each of the
/// 2 (n - 1) steps of a ring sends 1/n of the tensor. bytes_per_s: of a link. In seconds.
double ring_seconds(std::int64_t bytes, int processes, double latency_s, double bytes_per_s);

}  // namespace margay::collective
