#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

namespace margay::fetch {

/// An address of a file on the web (RFC 3986), by libcurl's parser.
struct Url {
  std::string text;
  std::string scheme;  ///< "https", "http"
  std::string host;    ///< in small letters, without brackets
  std::string file;    ///< the last part of the path, decoded: "resnet18-f37072fd.pth"

  /// Whether the host is this machine: localhost, 127.0.0.0/8, ::1.
  bool is_loopback() const;
};

/// Throws std::invalid_argument for what is no address with a scheme and a host.
Url parse_url(const std::string& text);

/// The proxies of a user, as curl's variables name them ("http://host:3128"; "": none). The library does not read the
/// environment; a program hands it over.
struct Proxies {
  std::string https;     ///< https_proxy
  std::string http;      ///< http_proxy
  std::string all;       ///< all_proxy: for what the others leave out
  std::string no_proxy;  ///< no_proxy: hosts that are reached directly, "localhost,example.org"; "*": all
};

struct TransferOptions {
  std::chrono::seconds connect_timeout{20};
  std::chrono::seconds stall_timeout{30};  ///< without 64 bytes a second for so long, a transfer is broken off
  Proxies proxies;
  std::filesystem::path ca_file;  ///< certificates to trust, PEM; "": the system's
};

struct Request {
  Url url;
  std::uint64_t from = 0;  ///< the first byte that is wanted
  std::string if_range;    ///< with `from`: the whole file if it is no longer the one with this ETag or date
};

/// The bytes of a partial response: "bytes 100-199/200" (RFC 9110, section 14.4).
struct ContentRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> total;  ///< of the whole file, if the server knows it
};

/// What stands before the bytes of a response.
struct Response {
  long status = 0;
  std::string etag;
  std::string last_modified;
  std::string content_type;                ///< in small letters, without parameters: "text/html"
  std::string error_code;                  ///< X-Error-Code, as the Hugging Face Hub sends it: "GatedRepo"
  std::string linked_etag;                 ///< X-Linked-Etag without quotes: the hub's SHA-256 of a large file
  std::optional<std::uint64_t> length;     ///< of the bytes that follow
  std::optional<ContentRange> range;       ///< of status 206
  std::optional<std::uint64_t> all_bytes;  ///< of status 416: "bytes */200"
  std::string redirect;                    ///< the address of a redirect, absolute; "": none
};

/// Takes what arrives. What it throws ends the transfer and comes out of it.
class Receiver {
 public:
  virtual ~Receiver() = default;
  /// Before the first byte of a response of status 200 or 206, and at its end where it has no bytes.
  virtual void begins(const Response& response) = 0;
  virtual void receives(std::span<const std::uint8_t> bytes) = 0;
  /// Asked a few times a second.
  virtual bool is_stop_wanted() const { return false; }
};

/// A transfer that could not be completed.
class TransferError : public std::runtime_error {
 public:
  enum class Kind {
    kUnreachable,  ///< no network, no such host, nobody listens there
    kCertificate,  ///< the server is not who it says
    kBroken,       ///< it began; again it may go on
    kStopped       ///< is_stop_wanted
  };
  TransferError(Kind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

/// One request and its response; redirects are told, not followed, and their bytes and those of errors are dropped.
/// Only http and https. Throws TransferError with curl's words.
Response transfer(const Request& request, const TransferOptions& options, Receiver& receiver);

}  // namespace margay::fetch
