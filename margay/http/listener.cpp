#include "margay/http/listener.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "margay/core/error.h"

namespace margay::http {
namespace {

constexpr int kBacklog = 4096;  // the system takes no more than its somaxconn

std::string numeric_address(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getnameinfo(address, size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "?";
  const bool is_v6 = address->sa_family == AF_INET6;
  return is_v6 ? fmt::format("[{}]:{}", host.data(), port.data()) : fmt::format("{}:{}", host.data(), port.data());
}

using SocketName = int (*)(int, sockaddr*, socklen_t*);

/// By getsockname or getpeername.
std::string named_address(int socket, SocketName name) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (name(socket, address, &size) != 0) return "?";
  return address->sa_family == AF_UNIX ? std::string("unix") : numeric_address(address, size);
}

std::string unix_path(int socket) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "?";
  return address.sun_path;
}

std::string listening_address(int socket) {
  const std::string name = named_address(socket, ::getsockname);
  return name == "unix" ? "unix:" + unix_path(socket) : "http://" + name;
}

int number_option(int socket, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

void switch_on(int socket, int level, int option, int value = 1) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

/// A socket that is closed unless it is released.
class OwnSocket {
 public:
  explicit OwnSocket(int socket) : socket_(socket) {}
  OwnSocket(const OwnSocket&) = delete;
  OwnSocket& operator=(const OwnSocket&) = delete;
  ~OwnSocket() {
    const int error = errno;
    if (socket_ >= 0) ::close(socket_);
    errno = error;
  }
  int get() const { return socket_; }
  int release() { return std::exchange(socket_, -1); }

 private:
  int socket_;
};

/// -1 with errno if the address cannot be had.
int try_listen(const addrinfo& place, int port, bool takes_v4) {
  OwnSocket socket(::socket(place.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return -1;
  switch_on(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  if (place.ai_family == AF_INET6) switch_on(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, takes_v4 ? 0 : 1);
  sockaddr_storage address{};
  std::memcpy(&address, place.ai_addr, place.ai_addrlen);
  auto& port_field = place.ai_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                                 : reinterpret_cast<sockaddr_in&>(address).sin_port;
  port_field = htons(static_cast<std::uint16_t>(port));
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), place.ai_addrlen) != 0) return -1;
  return ::listen(socket.get(), kBacklog) == 0 ? socket.release() : -1;
}

int port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

using Places = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Places places_of(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_flags = AI_PASSIVE;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int problem = ::getaddrinfo(host.c_str(), "0", &wanted, &found);
  if (problem != 0) throw core::Error(fmt::format("`host` {}: {}", host, ::gai_strerror(problem)));
  return {found, ::freeaddrinfo};
}

std::string bind_problem(int error) {
  switch (error) {
    case EADDRINUSE:
      return "is in use by another program; choose another `port`";
    case EACCES:
      return "is not permitted to this user; ports below 1024 are the system's: choose another `port`";
    case EADDRNOTAVAIL:
      return "is no address of this machine; choose another `host`";
    default:
      return std::strerror(error);
  }
}

sockaddr_un unix_address(const std::filesystem::path& file) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = file.native();
  if (name.empty() || name.size() >= sizeof address.sun_path) {
    throw std::invalid_argument(fmt::format("[server] `unix_socket` {} has {} bytes; the system takes 1 to {}", name,
                                            name.size(), sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, name.c_str(), name.size());
  return address;
}

/// Whether a server answers there; a dead one's socket refuses.
bool is_listening(const sockaddr_un& address) {
  const OwnSocket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int result = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return result == 0 || errno == EAGAIN;  // EAGAIN: its backlog is full
}

void remove_dead_socket(const std::filesystem::path& file, const sockaddr_un& address) {
  struct stat facts {};
  if (::lstat(file.c_str(), &facts) != 0) return;
  if (!S_ISSOCK(facts.st_mode)) throw core::IoError(file, "is no socket, and is not replaced by one");
  if (is_listening(address)) throw core::IoError(file, "another server listens there");
  if (::unlink(file.c_str()) != 0) throw core::IoError(file, "cannot remove what a dead server left", errno);
}

mode_t parse_mode(const std::string& text) {
  constexpr unsigned kAll = 0777;
  unsigned mode = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (problem != std::errc() || end != text.data() + text.size() || mode > kAll) {
    throw std::invalid_argument(
        fmt::format("[server] `unix_mode` must be octal permissions such as 660, got \"{}\"", text));
  }
  return mode;
}

}  // namespace

Listener::Listener(int socket, std::string address, std::filesystem::path file)
    : socket_(socket), address_(std::move(address)), file_(std::move(file)) {
  struct stat facts {};
  if (!file_.empty() && ::lstat(file_.c_str(), &facts) == 0) file_id_ = facts.st_ino;
}

Listener::Listener(Listener&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      address_(std::move(other.address_)),
      file_(std::exchange(other.file_, {})),
      file_id_(other.file_id_) {}

bool Listener::owns_file() const {
  struct stat facts {};
  return !file_.empty() && ::lstat(file_.c_str(), &facts) == 0 && facts.st_ino == file_id_;
}

void Listener::close() {
  if (socket_ < 0) return;
  if (owns_file()) ::unlink(file_.c_str());
  ::close(std::exchange(socket_, -1));
}

std::vector<Listener> listen_tcp(const std::string& host, int port) {
  std::vector<Listener> listeners;
  std::set<std::string> tried;  // a name may have an address twice
  const Places places = places_of(host);
  int error = 0;
  for (const addrinfo* place = places.get(); place; place = place->ai_next) {
    if (!tried.insert(numeric_address(place->ai_addr, place->ai_addrlen)).second) continue;
    const int socket = try_listen(*place, port, host == "::");
    if (socket < 0) {
      error = errno;
      if (error == EAFNOSUPPORT || error == EADDRNOTAVAIL) continue;  // "localhost" on a machine without IPv6
      break;
    }
    if (port == 0) port = port_of(socket);
    listeners.emplace_back(socket, listening_address(socket));
  }
  const bool is_partial = error != 0 && error != EAFNOSUPPORT && error != EADDRNOTAVAIL;
  if (listeners.empty() || is_partial) throw core::Error(fmt::format("{}:{} {}", host, port, bind_problem(error)));
  return listeners;
}

Listener listen_unix(const std::filesystem::path& file, const std::string& mode) {
  const sockaddr_un address = unix_address(file);
  const mode_t permissions = parse_mode(mode);
  remove_dead_socket(file, address);
  OwnSocket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) throw core::IoError(file, "cannot make a socket", errno);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw core::IoError(file, "cannot make this socket", errno);
  }
  Listener listener(socket.release(), "unix:" + file.string(), file);
  // Nobody can connect before listen(), so the permissions are set in time.
  if (::chmod(file.c_str(), permissions) != 0) throw core::IoError(file, "cannot set the socket's permissions", errno);
  if (::listen(listener.socket(), kBacklog) != 0) throw core::IoError(file, "cannot listen", errno);
  return listener;
}

Listener listen_inherited(int socket) {
  if (number_option(socket, SO_TYPE) != SOCK_STREAM || number_option(socket, SO_ACCEPTCONN) != 1) {
    throw std::invalid_argument(
        fmt::format("[server] descriptor {} is no listening stream socket; use ListenStream and Accept=no", socket));
  }
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  return {socket, listening_address(socket)};
}

std::string peer_of(int socket) { return named_address(socket, ::getpeername); }

}  // namespace margay::http
