#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/collective/link_speed.h"

namespace margay::cli {

/// What all processes should have in common, by rank.
struct CommonThing {
  std::string name;  ///< "program", "data"
  std::vector<std::string> values;

  /// The value that most processes have; of several as frequent that of the lowest rank.
  std::string usual() const;
  /// The ranks that have another one.
  std::vector<std::size_t> others() const;
};

/// What `margay distributed check` finds out about the processes that it runs in.
struct ProcessCheck {
  std::vector<std::string> hosts;  ///< by rank
  std::vector<int> threads;        ///< by rank
  std::vector<CommonThing> things;
  std::vector<collective::ClockOffset> clocks;  ///< by rank, against rank 0
  std::vector<collective::LinkSpeed> links;     ///< by rank, to rank 0; empty: not measured
  std::vector<collective::SumSpeed> sums;

  /// Whether something differs that must not.
  bool is_bad() const;
};

/// Tables, and a sentence for each thing that differs which names the ranks.
std::string process_check_text(const ProcessCheck& check);
nlohmann::ordered_json process_check_json(const ProcessCheck& check);

}  // namespace margay::cli
