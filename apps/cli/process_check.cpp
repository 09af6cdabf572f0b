#include "apps/cli/process_check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

using CheckJson = nlohmann::ordered_json;

std::string amount_text(std::int64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return fmt::format("{:g} {}", amount, kUnits[unit]);
}

std::string time_text(double seconds) { return fmt::format("{:.3f}", seconds * 1e3); }
std::string rate_text(double bytes_per_s) { return fmt::format("{:.1f}", bytes_per_s / 1e6); }

std::string rank_text(const ProcessCheck& check, std::size_t rank) {
  return fmt::format("rank {} ({})", rank, check.hosts[rank]);
}

std::string thing_text(const ProcessCheck& check, const CommonThing& thing) {
  const std::vector<std::size_t> others = thing.others();
  const std::string usual = thing.usual();
  if (others.empty()) return fmt::format("{}: {}, the same in all processes\n", thing.name, usual);
  std::string text = fmt::format("{}: {} in {}, but\n", thing.name, usual,
                                 core::counted(thing.values.size() - others.size(), "process", "processes"));
  for (const std::size_t rank : others) {
    text += fmt::format("  {} has {}\n", rank_text(check, rank), thing.values[rank]);
  }
  return text;
}

std::string ranks_text(const ProcessCheck& check) {
  using enum core::TextTable::Align;
  core::TextTable table({{"rank"}, {"host", kLeft}, {"threads"}, {"clock ms"}, {"± ms"}, {"exchange ms"}, {"MB/s"}});
  for (std::size_t rank = 0; rank < check.hosts.size(); ++rank) {
    const bool has_link = rank > 0 && rank < check.links.size();
    table.add({std::to_string(rank), check.hosts[rank], std::to_string(check.threads[rank]),
               rank == 0 ? "" : fmt::format("{:+.3f}", check.clocks[rank].seconds * 1e3),
               rank == 0 ? "" : time_text(check.clocks[rank].uncertainty_s),
               has_link ? time_text(check.links[rank].latency_s) : "",
               has_link ? rate_text(check.links[rank].bytes_per_s) : ""});
  }
  return table.text();
}

std::string sums_text(const ProcessCheck& check) {
  core::TextTable table({{"sum of"}, {"repeats"}, {"median ms"}, {"fastest"}, {"slowest"}, {"MB/s"}, {"MB/s a link"}});
  const auto processes = static_cast<int>(check.hosts.size());
  for (const collective::SumSpeed& sum : check.sums) {
    table.add({amount_text(sum.bytes), std::to_string(sum.repeats), time_text(sum.seconds), time_text(sum.fastest_s),
               time_text(sum.slowest_s), rate_text(sum.bytes_per_s()), rate_text(sum.link_bytes_per_s(processes))});
  }
  return table.text();
}

/// Logs of several hosts are hard to read beside each other, and certificates and quotas may fail.
std::string clock_warning(const ProcessCheck& check) {
  constexpr double kTolerated = 1;
  std::string text;
  for (std::size_t rank = 1; rank < check.clocks.size(); ++rank) {
    const collective::ClockOffset& clock = check.clocks[rank];
    if (std::abs(clock.seconds) - clock.uncertainty_s < kTolerated) continue;
    text += fmt::format("{}: its clock is {:.1f} s {} that of rank 0\n", rank_text(check, rank),
                        std::abs(clock.seconds), clock.seconds > 0 ? "ahead of" : "behind");
  }
  return text;
}

CheckJson thing_json(const CommonThing& thing) {
  return {
      {"name", thing.name}, {"usual", thing.usual()}, {"differing_ranks", thing.others()}, {"values", thing.values}};
}

CheckJson rank_json(const ProcessCheck& check, std::size_t rank) {
  CheckJson json = {{"rank", rank},
                    {"host", check.hosts[rank]},
                    {"threads", check.threads[rank]},
                    {"clock_offset_s", check.clocks[rank].seconds},
                    {"clock_uncertainty_s", check.clocks[rank].uncertainty_s}};
  if (rank > 0 && rank < check.links.size()) {
    json["exchange_s"] = check.links[rank].latency_s;
    json["bytes_per_s"] = check.links[rank].bytes_per_s;
  }
  return json;
}

CheckJson sum_json(const collective::SumSpeed& sum, int processes) {
  return {{"bytes", sum.bytes},
          {"repeats", sum.repeats},
          {"seconds", sum.seconds},
          {"fastest_s", sum.fastest_s},
          {"slowest_s", sum.slowest_s},
          {"bytes_per_s", sum.bytes_per_s()},
          {"link_bytes_per_s", sum.link_bytes_per_s(processes)}};
}

}  // namespace

std::string CommonThing::usual() const {
  std::map<std::string, int> counts;
  for (const std::string& value : values) ++counts[value];
  return *std::max_element(values.begin(), values.end(),
                           [&](const std::string& a, const std::string& b) { return counts[a] < counts[b]; });
}

std::vector<std::size_t> CommonThing::others() const {
  const std::string most = usual();
  std::vector<std::size_t> ranks;
  for (std::size_t rank = 0; rank < values.size(); ++rank) {
    if (values[rank] != most) ranks.push_back(rank);
  }
  return ranks;
}

bool ProcessCheck::is_bad() const {
  return std::any_of(things.begin(), things.end(), [](const CommonThing& thing) { return !thing.others().empty(); });
}

std::string process_check_text(const ProcessCheck& check) {
  std::string text;
  for (const CommonThing& thing : check.things) text += thing_text(check, thing);
  return text + "\n" + ranks_text(check) + clock_warning(check) + "\n" + sums_text(check);
}

CheckJson process_check_json(const ProcessCheck& check) {
  CheckJson json = {{"world", check.hosts.size()}, {"is_alike", !check.is_bad()}};
  for (const CommonThing& thing : check.things) json["things"].push_back(thing_json(thing));
  for (std::size_t rank = 0; rank < check.hosts.size(); ++rank) json["ranks"].push_back(rank_json(check, rank));
  for (const collective::SumSpeed& sum : check.sums) {
    json["sums"].push_back(sum_json(sum, static_cast<int>(check.hosts.size())));
  }
  return json;
}

}  // namespace margay::cli
