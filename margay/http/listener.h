#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace margay::http {

/// One listening socket, with its address. The file of a Unix socket is removed with it.
class Listener {
 public:
  Listener(int socket, std::string address, std::filesystem::path file = {});
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener() { close(); }

  int socket() const { return socket_; }
  const std::string& address() const { return address_; }
  void close();

 private:
  bool owns_file() const;

  int socket_;
  std::string address_;
  std::filesystem::path file_;
  unsigned long long file_id_ = 0;  // inode: another server may have taken the name
};

/// Listens on every address that the host has ("localhost": 127.0.0.1 and ::1), all with one port. "::" takes IPv4 as
/// well. port 0: a free one. Throws core::Error, naming host and port.
std::vector<Listener> listen_tcp(const std::string& host, int port);

/// Listens on a Unix socket. What a dead server left there is replaced. mode: octal permissions, "600". Throws
/// core::IoError if the file is something else, another server listens on it, or its folder cannot be written;
/// std::invalid_argument for a path beyond 107 bytes or a mode that is none.
Listener listen_unix(const std::filesystem::path& file, const std::string& mode);

/// Takes a socket that another program opened, such as systemd. Throws std::invalid_argument if it is none that
/// listens for streams.
Listener listen_inherited(int socket);

/// The address of an accepted socket's other side: "127.0.0.1:51234", "[::1]:51234" or "unix".
std::string peer_of(int socket);

}  // namespace margay::http
