#include "margay/collective/link_speed.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>

#include "margay/core/quantile.h"

namespace margay::collective {
namespace {

using SpeedClock = std::chrono::steady_clock;

double seconds_of(SpeedClock::time_point begin) {
  return std::chrono::duration<double>(SpeedClock::now() - begin).count();
}

/// All processes begin together, as far as a barrier goes.
double time_of_sum(Group& group, const at::Tensor& tensor) {
  group.barrier();
  const auto begin = SpeedClock::now();
  group.start_sum(tensor)->wait();
  return seconds_of(begin);
}

SumSpeed measure_sum(Group& group, std::int64_t bytes, double seconds) {
  constexpr int kWarmUps = 2;
  constexpr double kFewest = 5;
  constexpr double kMost = 1000;
  const at::Tensor tensor = at::ones({std::max<std::int64_t>(bytes / 4, 1)});
  double once = 0;
  for (int i = 0; i < kWarmUps; ++i) once = time_of_sum(group, tensor);
  const auto repeats = static_cast<int>(from_first(group, std::clamp(seconds / once, kFewest, kMost)));
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    tensor.fill_(1);  // sums of sums would overflow
    times.push_back(time_of_sum(group, tensor));
  }
  group.maximum(times);
  const auto [fastest, slowest] = std::minmax_element(times.begin(), times.end());
  return {.bytes = tensor.numel() * 4,
          .repeats = repeats,
          .seconds = core::median(times),
          .fastest_s = *fastest,
          .slowest_s = *slowest};
}

/// Ranks 0 and `other` send each other a tensor, the others send nothing.
double time_of_exchange(Group& group, int other, std::int64_t numbers) {
  Shares shares{.sent = std::vector<std::int64_t>(static_cast<std::size_t>(group.size())),
                .received = std::vector<std::int64_t>(static_cast<std::size_t>(group.size()))};
  const bool takes_part = group.rank() == 0 || group.rank() == other;
  if (takes_part) {
    const auto partner = static_cast<std::size_t>(group.rank() == 0 ? other : 0);
    shares.sent[partner] = shares.received[partner] = numbers;
  }
  const at::Tensor sent = at::ones({takes_part ? numbers : 0});
  const at::Tensor received = at::empty({takes_part ? numbers : 0});
  group.barrier();
  const auto begin = SpeedClock::now();
  group.start_exchange(sent, received, shares)->wait();
  return seconds_of(begin);
}

double median_exchange(Group& group, int other, std::int64_t numbers, int repeats) {
  std::vector<double> times;
  time_of_exchange(group, other, numbers);
  for (int i = 0; i < repeats; ++i) times.push_back(time_of_exchange(group, other, numbers));
  return from_first(group, core::median(times));
}

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// The clocks of all processes, at some moment between the call and its end.
std::vector<double> all_clocks(Group& group) {
  const double mine = wall_clock();
  std::string bytes(sizeof(mine), '\0');
  std::memcpy(bytes.data(), &mine, sizeof(mine));
  std::vector<double> clocks;
  for (const std::string& each : group.gather(bytes)) {
    double clock = 0;
    std::memcpy(&clock, each.data(), std::min(each.size(), sizeof(clock)));
    clocks.push_back(clock);
  }
  return clocks;
}

}  // namespace

std::vector<SumSpeed> measure_sums(Group& group, const std::vector<std::int64_t>& sizes, double seconds) {
  std::vector<SumSpeed> speeds;
  for (const std::int64_t bytes : sizes) speeds.push_back(measure_sum(group, bytes, seconds));
  return speeds;
}

std::vector<LinkSpeed> measure_links(Group& group, std::int64_t bytes, int repeats) {
  std::vector<LinkSpeed> links(static_cast<std::size_t>(group.size()));
  for (int other = 1; other < group.size(); ++other) {
    LinkSpeed& link = links[static_cast<std::size_t>(other)];
    link.latency_s = median_exchange(group, other, 1, repeats);
    link.bytes_per_s =
        static_cast<double>(bytes) / median_exchange(group, other, std::max<std::int64_t>(bytes / 4, 1), repeats);
  }
  return links;
}

std::vector<ClockOffset> measure_clocks(Group& group, int rounds) {
  std::vector<ClockOffset> offsets(static_cast<std::size_t>(group.size()));
  double least = -1;
  for (int round = 0; round < rounds; ++round) {
    group.barrier();
    const double begin = wall_clock();
    const std::vector<double> clocks = all_clocks(group);
    const double took = from_first(group, wall_clock() - begin);
    if (least >= 0 && took >= least) continue;
    least = took;
    for (std::size_t rank = 0; rank < clocks.size(); ++rank) {
      offsets[rank] = {.seconds = rank == 0 ? 0 : clocks[rank] - clocks[0], .uncertainty_s = rank == 0 ? 0 : took};
    }
  }
  return offsets;
}

double ring_seconds(std::int64_t bytes, int processes, double latency_s, double bytes_per_s) {
  if (processes == 1) return 0;
  const int steps = 2 * (processes - 1);
  return steps * (latency_s + static_cast<double>(bytes) / processes / bytes_per_s);
}

}  // namespace margay::collective
