// Load on an HTTP server, by one thread of raw sockets and epoll: serve_load ADDRESS:PORT TARGET FOLDER MODE…
//   closed CONNECTIONS SECONDS   each connection asks again as soon as it is answered: the throughput
//   open RATE SECONDS [SERVICE]  requests come at RATE a second whatever the server does, at Poisson's times, drawn
//   from a
//                                fixed seed, each on a connection that is free or a new one. Times count from the drawn
//                                arrival, so that waiting is never left out. SERVICE: seconds that the server takes for
//                                a request at its peak; with it, what one server of that constant time makes of the
//                                same arrivals (M/D/1) is printed beside.
//   idle CONNECTIONS SECONDS     connections that asked /ping once and wait, and one that asks; then closed's numbers
// It posts the files of FOLDER in turn. Answers other than 200 are counted and timed apart.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

double since(Clock::time_point begin) { return Seconds(Clock::now() - begin).count(); }

std::vector<std::string> requests_of(const std::string& host, const std::string& target, const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> requests;
  for (const std::string& name : files) {
    std::ifstream file(name, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    requests.push_back(
        fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", target,
                    host, bytes.size()) +
        bytes);
  }
  if (requests.empty()) throw std::runtime_error(folder + " has no files");
  return requests;
}

/// The answers of a run: seconds by status.
struct Times {
  std::map<int, std::vector<double>> by_status;
  std::int64_t broken = 0;  ///< connections that ended without an answer

  void print(double seconds) {
    for (auto& [status, times] : by_status) {
      std::sort(times.begin(), times.end());
      const auto at = [&times = times](double share) {
        return 1000 *
               times[std::min(times.size() - 1, static_cast<std::size_t>(share * static_cast<double>(times.size())))];
      };
      fmt::print("  {}: {} answers, {:.1f}/s; ms: median {:.2f}, p90 {:.2f}, p99 {:.2f}, max {:.2f}\n", status,
                 times.size(), static_cast<double>(times.size()) / seconds, at(.5), at(.9), at(.99),
                 1000 * times.back());
    }
    if (broken > 0) fmt::print("  {} connections broke off\n", broken);
  }
};

/// One connection with at most one request on its way.
class Connection {
 public:
  explicit Connection(const sockaddr_in& address) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    if (socket_ < 0) throw std::runtime_error(std::strerror(errno));
    const int one = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 && errno != EINPROGRESS) {
      throw std::runtime_error(std::strerror(errno));
    }
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(socket_); }

  int socket() const { return socket_; }
  bool is_busy() const { return request_ != nullptr; }

  void begin(const std::string& request, Clock::time_point arrival) {
    request_ = &request;
    arrival_ = arrival;
    sent_ = 0;
    answer_.clear();
    send_some();
  }

  void send_some() {
    while (request_ != nullptr && sent_ < request_->size()) {
      const ssize_t sent = ::send(socket_, request_->data() + sent_, request_->size() - sent_, MSG_NOSIGNAL);
      if (sent <= 0) return;
      sent_ += static_cast<std::size_t>(sent);
    }
  }

  enum class Event { kNothing, kAnswered, kEnded };

  /// Reads what there is.
  Event receive() {
    char buffer[16384];
    while (true) {
      const ssize_t got = ::recv(socket_, buffer, sizeof(buffer), 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) return Event::kNothing;
      if (got <= 0) return Event::kEnded;
      answer_.append(buffer, static_cast<std::size_t>(got));
      if (is_whole()) return Event::kAnswered;
    }
  }

  int status() const { return std::atoi(answer_.c_str() + 9); }  // "HTTP/1.1 200"
  bool closes() const { return answer_.find("Connection: close") != std::string::npos; }
  double end() {
    request_ = nullptr;
    return since(arrival_);
  }

 private:
  bool is_whole() const {
    const std::size_t head = answer_.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const std::size_t length = answer_.find("Content-Length: ");
    const std::size_t body = length < head ? std::stoul(answer_.substr(length + 16, 20)) : 0;
    return answer_.size() >= head + 4 + body;
  }

  int socket_;
  const std::string* request_ = nullptr;
  Clock::time_point arrival_;
  std::size_t sent_ = 0;
  std::string answer_;
};

class Load {
 public:
  Load(const sockaddr_in& address, const std::vector<std::string>& requests)
      : address_(address), requests_(requests), epoll_(::epoll_create1(0)) {}
  ~Load() { ::close(epoll_); }

  Connection& connect() {
    auto made = std::make_unique<Connection>(address_);
    epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.fd = made->socket()}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, made->socket(), &event);
    Connection& connection = *made;
    connections_[connection.socket()] = std::move(made);
    return connection;
  }

  void ask(Connection& connection, Clock::time_point arrival) {
    connection.begin(requests_[next_++ % requests_.size()], arrival);
  }

  /// Handles what happens within the time; on_free: a connection was answered and stays.
  template <class OnFree>
  void wait(double seconds, OnFree&& on_free) {
    epoll_event events[256];
    // Below a millisecond epoll would not sleep at all, or too long: the rest is spun away.
    const int count = ::epoll_wait(epoll_, events, 256, seconds < .0015 ? 0 : static_cast<int>(seconds * 1000 - .5));
    for (int i = 0; i < count; ++i) {
      const auto found = connections_.find(events[i].data.fd);
      if (found == connections_.end()) continue;
      Connection& connection = *found->second;
      connection.send_some();
      const Connection::Event event = connection.receive();
      if (event == Connection::Event::kNothing) continue;
      if (event == Connection::Event::kAnswered && connection.is_busy()) {
        const int status = connection.status();
        times_.by_status[status].push_back(connection.end());
        if (!connection.closes()) {
          on_free(connection);
          continue;
        }
      } else if (connection.is_busy()) {
        ++times_.broken;
      }
      connections_.erase(found);
    }
  }

  /// Null where the connection is gone or busy.
  Connection* find_free(int socket) const {
    const auto found = connections_.find(socket);
    return found == connections_.end() || found->second->is_busy() ? nullptr : found->second.get();
  }

  std::int64_t busy() const {
    return std::count_if(connections_.begin(), connections_.end(),
                         [](const auto& each) { return each.second->is_busy(); });
  }
  std::size_t size() const { return connections_.size(); }
  Times& times() { return times_; }

 private:
  sockaddr_in address_;
  const std::vector<std::string>& requests_;
  int epoll_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  std::size_t next_ = 0;
  Times times_;
};

void run_closed(Load& load, int connections, double seconds) {
  for (int i = 0; i < connections; ++i) load.ask(load.connect(), Clock::now());
  const auto begin = Clock::now();
  while (since(begin) < seconds) {
    load.wait(.05, [&](Connection& free) { load.ask(free, Clock::now()); });
    for (std::size_t i = load.size(); i < static_cast<std::size_t>(connections); ++i)
      load.ask(load.connect(), Clock::now());
  }
  load.times().print(since(begin));
}

/// The times between arrivals of a Poisson process.
std::vector<double> drawn_arrivals(double rate, double seconds) {
  std::mt19937_64 random(1);  // NOLINT: the same load in every run
  std::exponential_distribution<double> gap(rate);
  std::vector<double> arrivals;
  for (double at = gap(random); at < seconds; at += gap(random)) arrivals.push_back(at);
  return arrivals;
}

/// The p99 of the time in a queue with one server of constant service time, for these arrivals: Lindley's recursion
/// (Lindley 1952, "The theory of queues with a single server").
double constant_service_p99(const std::vector<double>& arrivals, double service) {
  std::vector<double> times;
  double free_at = 0;
  for (const double arrival : arrivals) {
    free_at = std::max(free_at, arrival) + service;
    times.push_back(free_at - arrival);
  }
  std::sort(times.begin(), times.end());
  return times[static_cast<std::size_t>(.99 * static_cast<double>(times.size()))];
}

void run_open(Load& load, double rate, double seconds, double service) {
  const std::vector<double> arrivals = drawn_arrivals(rate, seconds);
  const auto begin = Clock::now();
  std::vector<int> free;  // sockets; the server may have closed some of them since
  const auto keep = [&](const Connection& connection) { free.push_back(connection.socket()); };
  for (const double arrival : arrivals) {
    while (since(begin) < arrival) load.wait(arrival - since(begin), keep);
    const auto due = begin + std::chrono::duration_cast<Clock::duration>(Seconds(arrival));
    Connection* connection = nullptr;
    while (connection == nullptr && !free.empty()) {
      connection = load.find_free(free.back());
      free.pop_back();
    }
    load.ask(connection == nullptr ? load.connect() : *connection, due);
  }
  while (load.busy() > 0 && since(begin) < seconds + 60) load.wait(.05, keep);
  fmt::print("  {} requests offered at {:.1f}/s over {} connections\n", arrivals.size(), rate, load.size());
  load.times().print(seconds);
  if (service > 0) {
    fmt::print("  M/D/1 with {:.2f} ms, {:.0f} % busy: p99 {:.2f} ms\n", 1000 * service, 100 * rate * service,
               1000 * constant_service_p99(arrivals, service));
  }
}

sockaddr_in address_of(const std::string& text) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  const std::size_t colon = text.find(':');
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1))));
  if (::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error(text + " is no address of IPv4");
  }
  return address;
}

void allow_many_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) {
    std::fputs("usage: serve_load ADDRESS:PORT TARGET FOLDER closed|open|idle CONNECTIONS|RATE SECONDS [SERVICE]\n",
               stderr);
    return 2;
  }
  allow_many_files();
  const std::string mode = argv[4];
  const double amount = std::stod(argv[5]);
  const double seconds = std::stod(argv[6]);
  const std::vector<std::string> requests = requests_of(argv[1], argv[2], argv[3]);
  Load load(address_of(argv[1]), requests);
  if (mode == "closed") {
    run_closed(load, static_cast<int>(amount), seconds);
  } else if (mode == "open") {
    run_open(load, amount, seconds, argc > 7 ? std::stod(argv[7]) : 0);
  } else {
    const std::vector<std::string> pings = {fmt::format("GET /ping HTTP/1.1\r\nHost: {}\r\n\r\n", argv[1])};
    Load idle(address_of(argv[1]), pings);
    for (int i = 0; i < static_cast<int>(amount); ++i) idle.ask(idle.connect(), Clock::now());
    while (idle.busy() > 0) idle.wait(.05, [](Connection&) {});
    run_closed(load, 1, seconds);
    for (double seen = 0; seen < amount; seen += 256) idle.wait(0, [](Connection&) {});
    fmt::print("  {} of {} idle connections are still open\n", idle.size(), amount);
  }
}
