// The HTTP layer alone: requests/s and latency of a handler that does nothing, refusals while every core computes, and
// the memory of very many requests and of idle connections.
//   http            all of it
//   http serve      prints an address and serves until it is killed, for other generators of load
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <unistd.h>

#include "margay/http/client.h"
#include "margay/http/server.h"

namespace {

using namespace margay;
using Seconds = std::chrono::duration<double>;

constexpr double kSeconds = 3;

http::Server make_server() {
  const auto empty = [](const http::Request&, const http::Reply& reply) { reply(http::text("")); };
  const auto full = [](const http::Request& head) {
    return head.path == "/full" ? std::optional(http::unavailable("the queue is full")) : std::nullopt;
  };
  return http::Server({.port = 0}, empty, {.admit = full});
}

double resident_mb() {
  long pages = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

/// Milliseconds of every request that one client makes.
std::vector<double> closed_loop(const std::string& address, const std::string& path, std::string_view body) {
  http::Client client(address);
  std::vector<double> ms;
  const auto end = http::Clock::now() + Seconds(kSeconds);
  while (http::Clock::now() < end) {
    const auto before = http::Clock::now();
    client.post(path, body, "application/octet-stream");
    ms.push_back(Seconds(http::Clock::now() - before).count() * 1e3);
  }
  return ms;
}

void print_latencies(const std::string& name, std::vector<double> ms) {
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double share) {
    return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))];
  };
  std::printf("%-44s %9.0f requests/s   median %.3f ms   p99 %.3f ms\n", name.c_str(),
              static_cast<double>(ms.size()) / kSeconds, at(0.5), at(0.99));
}

void measure(const std::string& name, const std::string& address, int connections, const std::string& path,
             std::string_view body) {
  std::vector<std::vector<double>> of_client(static_cast<std::size_t>(connections));
  std::vector<std::thread> clients;
  for (auto& ms : of_client) clients.emplace_back([&] { ms = closed_loop(address, path, body); });
  for (std::thread& client : clients) client.join();
  std::vector<double> all;
  for (const auto& ms : of_client) all.insert(all.end(), ms.begin(), ms.end());
  print_latencies(name, std::move(all));
}

/// Refusals while a thread of normal priority computes on every core.
void measure_refusals(const std::string& address) {
  std::atomic<bool> stops{false};
  std::vector<std::thread> computing;
  for (unsigned i = 0; i < 2 * std::thread::hardware_concurrency(); ++i) {
    computing.emplace_back([&] {
      volatile double x = 1;
      while (!stops) x = x * 1.0000001;
    });
  }
  const std::string image(50000, 'x');
  measure("503 by the head, all cores computing twice", address, 1, "/full", image);
  stops = true;
  for (std::thread& thread : computing) thread.join();
}

void measure_memory(const std::string& address) {
  http::Client client(address);
  const std::string image(50000, 'x');
  for (int i = 0; i < 1000; ++i) client.post("/", image, "image/jpeg");
  const double before = resident_mb();
  for (int i = 0; i < 100000; ++i) client.post("/", image, "image/jpeg");
  std::printf("memory after 1,000 requests of 50 kB %.1f MB, after 100,000 more %.1f MB\n", before, resident_mb());
}

}  // namespace

int main(int count, char** words) {
  http::Server server = make_server();
  server.start();
  if (count > 1 && std::string_view(words[1]) == "serve") {
    std::printf("%s\n", server.address().c_str());
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::hours(24));
    return 0;
  }
  std::printf("priority of the server's thread: %d\n", server.io_priority());
  const std::string image(50000, 'x');
  measure("empty requests, 1 connection", server.address(), 1, "/", "");
  measure("empty requests, 16 connections", server.address(), 16, "/", "");
  measure("50 kB requests, 1 connection", server.address(), 1, "/", image);
  measure("50 kB requests, 16 connections", server.address(), 16, "/", image);
  measure_refusals(server.address());
  measure_memory(server.address());
}
