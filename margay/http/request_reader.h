#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "margay/http/request.h"

namespace margay::http {

/// Reads requests from the bytes of a connection, in whatever pieces they come (RFC 9112). Boost.Beast's parser reads
/// lines, fields and chunks; here stands what a server must refuse beyond that, so that no two programs can see
/// different requests in the same bytes.
class RequestReader {
 public:
  enum class Stage {
    kEmpty,  ///< nothing of a request yet
    kHead,   ///< a part of its head
    kBody,   ///< all of the head; the body is to follow
    kWhole
  };

  struct Limits {
    std::size_t header_bytes = 16384;
    std::uint64_t body_bytes = 32U << 20U;
  };

  explicit RequestReader(const Limits& limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// Takes bytes up to the end of the head, or of the request; returns how many. Throws RequestError for what is no
  /// HTTP (400), not done here (415, 417, 501, 505) or beyond a limit (413, 414, 431); the connection cannot go on
  /// then, since nobody knows where the next request begins.
  std::size_t feed(std::string_view bytes);

  Stage stage() const;
  /// The request so far; its path, query and headers once the head is there. take() hands it over.
  Request& request();
  const Request& request() const;
  Request take();
  /// The bytes of the head, or of what is there of it.
  const std::string& head_bytes() const;
  /// What the head says, for the connection.
  bool keeps_alive() const;
  bool is_http_11() const;
  bool expects_continue() const;
  /// The body's length, if the head tells it.
  std::uint64_t declared_bytes() const;
  /// Begins the next request.
  void reset();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace margay::http
