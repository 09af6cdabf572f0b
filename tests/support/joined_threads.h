#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "margay/collective/process_group.h"

namespace margay::testing_support {

/// A port of this machine on which nobody listens.
inline std::uint16_t free_port() {
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool is_bound = bind(socket_fd, generic, length) == 0 && getsockname(socket_fd, generic, &length) == 0;
  close(socket_fd);
  if (!is_bound) throw std::runtime_error("no port is free");
  return ntohs(address.sin_port);
}

inline collective::ProcessGroupOptions local_options(int rank, int world, std::uint16_t port) {
  return {.rank = rank,
          .world = world,
          .port = port,
          .join_timeout = std::chrono::seconds(60),
          .wait_timeout = std::chrono::seconds(60)};
}

/// Calls work(group) in `world` threads, each of which has joined as a process would. Returns what each threw, by rank;
/// null where it threw nothing.
template <class Work>
std::vector<std::exception_ptr> outcomes_of_joined(int world, const Work& work) {
  std::vector<std::exception_ptr> outcomes(static_cast<std::size_t>(world));
  const std::uint16_t port = free_port();
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < world; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        work(collective::join(local_options(rank, world, port)));
      } catch (...) {
        outcomes[static_cast<std::size_t>(rank)] = std::current_exception();
      }
    });
  }
  threads.clear();
  return outcomes;
}

/// The same; throws the first of what they threw.
template <class Work>
void run_joined(int world, const Work& work) {
  for (const std::exception_ptr& outcome : outcomes_of_joined(world, work)) {
    if (outcome) std::rethrow_exception(outcome);
  }
}

}  // namespace margay::testing_support
