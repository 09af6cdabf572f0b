#include "margay/collective/host_address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>

#include <fmt/format.h>

namespace margay::collective {
namespace {

/// Frees what getaddrinfo found.
using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses addresses_of(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) found = nullptr;
  return {found, &freeaddrinfo};
}

/// The address of this machine from which the system would send to `to`: connecting a datagram socket sends nothing.
std::string source_address(const addrinfo& to) {
  const int socket_fd = socket(to.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return {};
  sockaddr_storage own{};
  socklen_t length = sizeof(own);
  auto* const address = reinterpret_cast<sockaddr*>(&own);
  const bool is_known =
      connect(socket_fd, to.ai_addr, to.ai_addrlen) == 0 && getsockname(socket_fd, address, &length) == 0;
  close(socket_fd);
  std::array<char, NI_MAXHOST> text{};
  if (!is_known || getnameinfo(address, length, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return text.data();
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "an unknown host";
}

std::string address_text(const std::string& host, std::uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
}

std::string own_address(const std::string& host, std::uint16_t port) {
  const Addresses found = addresses_of(host, port);
  for (const addrinfo* each = found.get(); each != nullptr; each = each->ai_next) {
    std::string address = source_address(*each);
    if (!address.empty()) return address;
  }
  return {};
}

}  // namespace margay::collective
