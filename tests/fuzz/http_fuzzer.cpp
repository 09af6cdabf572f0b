// What clients send, whatever it is, is read or refused with RequestError. The first byte of the input says by what.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "margay/http/base64.h"
#include "margay/http/multipart.h"
#include "margay/http/request_reader.h"
#include "margay/http/target.h"
#include "margay/http/trace.h"

namespace {

using namespace margay;

constexpr http::RequestReader::Limits kSmall = {.header_bytes = 2048, .body_bytes = 4096};

void require(bool holds) {
  if (!holds) std::abort();  // which libFuzzer reports, with the bytes
}

void check_path(const std::string& path) {
  require(path == "*" || path.starts_with('/'));
  require(path.find('\0') == std::string::npos && path.find('\\') == std::string::npos);
  const std::string closed = path + "/";
  require(closed.find("/../") == std::string::npos && closed.find("/./") == std::string::npos);
}

void check_request(const http::Request& request) {
  check_path(request.path);
  require(request.body.size() <= kSmall.body_bytes);
  require(http::is_token(request.method));
  require(request.headers.count("Host") <= 1);
  require(request.headers.count("Content-Length") + request.headers.count("Transfer-Encoding") <= 1);
  for (const http::Headers::Field& field : request.headers) {
    require(http::is_token(field.name));
    require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
}

/// The requests in these bytes, one line each, and the status of the refusal that ended them. They come in pieces of
/// that size.
std::string requests_in(std::string_view bytes, std::size_t piece) {
  std::string found;
  http::RequestReader reader(kSmall);
  try {
    while (!bytes.empty()) {
      const std::string_view given = bytes.substr(0, piece);
      const std::size_t used = reader.feed(given);
      require(used <= given.size() && used > 0);
      bytes.remove_prefix(used);
      if (reader.stage() != http::RequestReader::Stage::kWhole) continue;
      const http::Request request = reader.take();
      check_request(request);
      found += request.method + " " + request.path + " " + std::to_string(request.headers.size()) + " " + request.body +
               "\n";
      reader.reset();
    }
  } catch (const http::RequestError& problem) {
    require(problem.status() >= 400 && problem.status() <= 505);
    found += "refused";
  }
  return found;
}

void read_requests(std::string_view bytes) {
  const std::string whole = requests_in(bytes, bytes.size());
  for (const std::size_t piece : {1U, 13U}) {
    const std::string found = requests_in(bytes, piece);
    require(found == whole || found + "refused" == whole);  // of pieces the last few bytes may still wait
  }
}

void read_form(std::string_view bytes) {
  const std::size_t line = std::min(bytes.find('\n'), bytes.size());
  const std::string_view body = bytes.substr(std::min(line + 1, bytes.size()));
  try {
    for (const http::FormPart& part : http::parse_multipart(body, bytes.substr(0, line), {.parts = 20})) {
      require(part.bytes.data() >= body.data() && part.bytes.data() + part.bytes.size() <= body.data() + body.size());
    }
  } catch (const http::RequestError& problem) {
    require(problem.status() == 400 || problem.status() == 413 || problem.status() == 415);
  }
}

void read_base64(std::string_view text) {
  const std::optional<std::string> bytes = http::base64_decoded(text);
  require(!bytes || http::base64_encoded(*bytes) == text);
  require(http::base64_decoded(http::base64_encoded(text)) == text);
}

void read_target(std::string_view text) {
  require(http::percent_decoded(http::percent_encoded(text)) == text);
  try {
    check_path(http::parse_target(text).path);
  } catch (const http::RequestError& problem) {
    require(problem.status() == 400);
  }
}

void read_ids(std::string_view text) {
  if (http::is_traceparent(text)) require(http::trace_id(text).size() == 32);
  if (http::is_request_id(text)) require(text.size() <= 128 && text.find_first_of(" \r\n\"") == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* first, std::size_t count) {
  if (count == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(first) + 1, count - 1);
  switch (*first) {
    case 'f':
      read_form(bytes);
      break;
    case 'b':
      read_base64(bytes);
      break;
    case 't':
      read_target(bytes);
      break;
    case 'i':
      read_ids(bytes);
      break;
    default:
      read_requests(bytes);
  }
  return 0;
}
