// A line between two network namespaces that delays, drops and paces packets, for kernels that have no netem:
//   slow_line NAMESPACE_A DEVICE_A NAMESPACE_B DEVICE_B DELAY_MS LOSS_PERCENT MBIT_PER_S
// makes a tun device in each, says "ready", and carries packets between them until it is killed (root). Each direction
// has a buffer of 50 ms; what comes while it is full is dropped, too. The same packets are dropped each time, by their
// number.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

Clock::duration clock_time(double seconds) { return std::chrono::duration_cast<Clock::duration>(Seconds(seconds)); }

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

void enter(int name_space, const std::string& name) {
  if (name_space < 0 || ::setns(name_space, CLONE_NEWNET) != 0) fail(name);
}

/// A descriptor of a tun device in the namespace.
int open_device(const std::string& name_space, const std::string& device) {
  const int own = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  const int other = ::open(("/run/netns/" + name_space).c_str(), O_RDONLY | O_CLOEXEC);
  enter(other, name_space);
  const int tun = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  if (tun < 0 || ::ioctl(tun, TUNSETIFF, &request) != 0) fail(device);
  enter(own, "this namespace");
  ::close(other);
  ::close(own);
  return tun;
}

struct Line {
  Clock::duration delay;
  double loss;
  double bytes_per_s;
};

/// Carries the packets of one direction.
class Direction {
 public:
  Direction(int from, int to, const Line& line, std::uint32_t seed) : from_(from), to_(to), line_(line), draw_(seed) {}

  [[noreturn]] void carry() {
    while (true) {
      wait();
      take();
      give();
    }
  }

 private:
  struct Packet {
    Clock::time_point due;
    std::vector<char> bytes;
  };

  /// For a packet, or until the next one is due.
  void wait() const {
    pollfd waiting{.fd = from_, .events = POLLIN, .revents = 0};
    if (packets_.empty()) {
      ::ppoll(&waiting, 1, nullptr, nullptr);
      return;
    }
    const auto left = std::max(packets_.front().due - Clock::now(), Clock::duration::zero());
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec time{.tv_sec = whole.count(), .tv_nsec = std::chrono::nanoseconds(left - whole).count()};
    ::ppoll(&waiting, 1, &time, nullptr);
  }

  void take() {
    constexpr double kBuffer_s = 0.05;
    while (true) {
      const ssize_t size = ::read(from_, buffer_.data(), buffer_.size());
      if (size <= 0) return;
      const Clock::time_point now = Clock::now();
      const Clock::time_point begin = std::max(now, free_at_);
      if (std::bernoulli_distribution(line_.loss)(draw_) || begin - now > clock_time(kBuffer_s)) continue;
      free_at_ = begin + clock_time(static_cast<double>(size) / line_.bytes_per_s);
      packets_.push_back({free_at_ + line_.delay, {buffer_.begin(), buffer_.begin() + size}});
    }
  }

  void give() {
    for (; !packets_.empty() && packets_.front().due <= Clock::now(); packets_.pop_front()) {
      const std::vector<char>& bytes = packets_.front().bytes;
      if (::write(to_, bytes.data(), bytes.size()) < 0 && errno != EAGAIN && errno != EIO) fail("a packet");
    }
  }

  int from_;
  int to_;
  Line line_;
  std::mt19937 draw_;
  std::deque<Packet> packets_;
  Clock::time_point free_at_;  ///< when the line can take the next packet
  std::array<char, 65536> buffer_{};
};

void carry_both_ways(std::span<char*> arguments) {
  if (arguments.size() != 8) throw std::invalid_argument("seven arguments");
  const Line line{.delay = clock_time(std::stod(arguments[5]) / 1e3),
                  .loss = std::stod(arguments[6]) / 100,
                  .bytes_per_s = std::stod(arguments[7]) * 1e6 / 8};
  const int a = open_device(arguments[1], arguments[2]);
  const int b = open_device(arguments[3], arguments[4]);
  std::puts("ready");
  std::fflush(stdout);
  const std::jthread there([&] { Direction(a, b, line, 1).carry(); });
  Direction(b, a, line, 2).carry();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    carry_both_ways({argv, static_cast<std::size_t>(argc)});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "slow_line: %s\n", error.what());
    return 1;
  }
}
