#include "margay/train/registry/process_identity.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

namespace margay::train {
namespace {

namespace fs = std::filesystem;

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// Containers of one kernel share its boot, but not the process numbers.
std::string machine_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  if (!std::getline(file, boot)) return "";
  std::error_code failure;
  return fmt::format("{} {}", boot, fs::read_symlink("/proc/self/ns/pid", failure).string());
}

struct Stat {
  std::string state;
  std::string start_ticks;
};

/// /proc/PID/stat (proc(5)): the fields 3 and 22. The second is the program's name in brackets, which may hold
/// anything.
Stat stat_of(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(line.substr(name_end + 1));
  Stat stat;
  fields >> stat.state;
  constexpr int kStartField = 22;
  for (int field = 4; field <= kStartField; ++field) fields >> stat.start_ticks;
  return stat;
}

Liveness liveness_here(const ProcessIdentity& process) {
  if (::kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH) return Liveness::kGone;
  const Stat now = stat_of(process.pid);
  if (now.state == "Z" || now.state == "X") return Liveness::kGone;
  const bool is_known = !now.start_ticks.empty() && !process.start_ticks.empty();
  return is_known && now.start_ticks != process.start_ticks ? Liveness::kGone : Liveness::kAlive;
}

template <class T>
T value_of(const nlohmann::ordered_json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (found == json.end()) return {};
  if constexpr (std::is_integral_v<T>)
    return found->is_number_integer() ? found->template get<T>() : T{};
  else
    return found->is_string() ? found->template get<T>() : T{};
}

}  // namespace

ProcessIdentity this_process() {
  const std::int64_t pid = ::getpid();
  return {.host = host_name(), .machine = machine_id(), .pid = pid, .start_ticks = stat_of(pid).start_ticks};
}

Liveness liveness(const ProcessIdentity& process) {
  if (process.pid <= 0) return Liveness::kGone;
  if (process.host != host_name()) return Liveness::kElsewhere;
  return process.machine == machine_id() ? liveness_here(process) : Liveness::kGone;
}

nlohmann::ordered_json to_json(const ProcessIdentity& process) {
  return {
      {"host", process.host}, {"machine", process.machine}, {"pid", process.pid}, {"start_ticks", process.start_ticks}};
}

ProcessIdentity process_of(const nlohmann::ordered_json& json) {
  return {.host = value_of<std::string>(json, "host"),
          .machine = value_of<std::string>(json, "machine"),
          .pid = value_of<std::int64_t>(json, "pid"),
          .start_ticks = value_of<std::string>(json, "start_ticks")};
}

}  // namespace margay::train
