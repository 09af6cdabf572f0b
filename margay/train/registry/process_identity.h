#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace margay::train {

/// A process that no other can be taken for, not even a later one of the same number.
struct ProcessIdentity {
  std::string host;         ///< as gethostname says
  std::string machine;      ///< the boot and the set of process numbers (container); empty: not known
  std::int64_t pid = 0;     ///< 0: nobody
  std::string start_ticks;  ///< since the boot; empty: not known
};

ProcessIdentity this_process();

/// What can be said of a process from here.
enum class Liveness { kAlive, kGone, kElsewhere };

/// kElsewhere: it runs, or ran, on another host, which nobody here can see. A process of an earlier boot of this host,
/// and a zombie, is gone.
Liveness liveness(const ProcessIdentity& process);

nlohmann::ordered_json to_json(const ProcessIdentity& process);
/// What is missing or of another type stays empty.
ProcessIdentity process_of(const nlohmann::ordered_json& json);

}  // namespace margay::train
