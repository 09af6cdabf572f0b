#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>

#include <sched.h>
#include <sys/types.h>

#include "margay/data/image/heif_decoder.h"

namespace margay::data {

/// Where and how urgently a thread runs, which processes that it starts inherit and may not always change.
struct Placement {
  int policy = 0;
  int nice = 0;
  cpu_set_t cpus{};

  bool operator==(const Placement& other) const {
    return policy == other.policy && nice == other.nice && CPU_EQUAL(&cpus, &other.cpus);
  }
};

Placement placement_of_this_thread();

/// One process that decodes, and the socket to it. Calls throw DecodeFailure where an image ends the process, and
/// NoDecoder where there is none.
class HeifProcess {
 public:
  /// program: its path. idle_limit: as HeifDecoderOptions'. Throws NoDecoder if it cannot be started.
  HeifProcess(const std::filesystem::path& program, std::chrono::milliseconds idle_limit);
  HeifProcess(const HeifProcess&) = delete;
  HeifProcess& operator=(const HeifProcess&) = delete;
  ~HeifProcess();

  bool runs_as(const Placement& placement) const { return placement_ == placement; }
  /// False once it has ended or said what nobody asked for.
  bool is_ready() const;
  HeifReply ask(const HeifRequest& request, std::span<const std::uint8_t> file);
  /// What follows a reply.
  void read(std::uint8_t* to, std::size_t count);
  /// Of a copy of this process (fork) that must leave the decoder to the original.
  void abandon() { pid_ = 0; }

 private:
  [[noreturn]] void fail_as_ended();
  [[noreturn]] void fail_as_stuck();
  void send(const void* from, std::size_t count);
  void wait_until(short event);
  std::int64_t cpu_time_ns() const;

  Placement placement_ = placement_of_this_thread();
  std::chrono::milliseconds idle_limit_;
  pid_t pid_ = 0;
  int socket_ = -1;
};

}  // namespace margay::data
