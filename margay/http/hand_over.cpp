#include "margay/http/hand_over.h"

#include <cerrno>
#include <cstddef>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "margay/core/error.h"

namespace margay::http {
namespace {

/// A head (ServerOptions::max_header_kb, 1 MB at most, but 16 KB as a rule) and what one receive() brought beyond it.
constexpr std::size_t kLongestMessage = std::size_t{192} << 10U;
/// A message needs a byte: the system gives no socket without.
constexpr char kMark = '+';

union SocketMessage {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];  // NOLINT(modernize-avoid-c-arrays): as cmsg(3) has it
};

}  // namespace

std::array<int, 2> hand_over_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    throw core::Error(std::string("cannot make a pair of sockets: ") + std::strerror(errno));
  }
  return ends;
}

void wait_until_succeeded(int end) {
  pollfd waiting{.fd = end, .events = POLLIN, .revents = 0};
  while (::poll(&waiting, 1, -1) < 0 && errno == EINTR) continue;
}

bool hand_over(int end, int socket, std::string_view received) {
  if (received.size() >= kLongestMessage) return false;
  char mark = kMark;
  std::array<iovec, 2> parts = {iovec{&mark, 1}, iovec{const_cast<char*>(received.data()), received.size()}};
  SocketMessage control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof socket);
  std::memcpy(CMSG_DATA(header), &socket, sizeof socket);
  while (::sendmsg(end, &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

HandedOver take_over(int end) {
  HandedOver taken;
  taken.received.resize(kLongestMessage);
  iovec part{taken.received.data(), taken.received.size()};
  SocketMessage control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t got = 0;
  do {
    got = ::recvmsg(end, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const bool is_nothing_now = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  taken.is_last = got <= 0 && !is_nothing_now;
  const cmsghdr* const header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    std::memcpy(&taken.socket, CMSG_DATA(header), sizeof taken.socket);
  }
  taken.received.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (!taken.received.empty()) taken.received.erase(0, 1);  // the mark
  return taken;
}

}  // namespace margay::http
