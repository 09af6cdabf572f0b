#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "margay/http/request.h"
#include "margay/http/response.h"

namespace margay::http {

/// How the body follows the head.
enum class BodyLength { kKnown, kChunked, kUntilClose };

/// What the server knows about a response beside what the handler said.
struct HeadFacts {
  std::string_view date;
  std::string_view id;
  std::string_view traceparent;
  BodyLength length = BodyLength::kKnown;
  bool closes = false;
  bool is_http_11 = true;
};

/// The head of a response (RFC 9112, section 4), with the empty line.
std::string response_head(const Response& response, const HeadFacts& facts);

/// Why a response cannot be sent as it is: a status out of range, or header fields that are the server's own. "": it
/// can.
std::string response_problem(const Response& response);

/// Adds what lets pages of the allowed origin read the response (Fetch standard, "CORS protocol"), and answers what a
/// browser asks before (OPTIONS). origin: of the options, "" allows none.
void add_cors(Response& response, const Headers& request, std::string_view origin);

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7).
std::string http_date(std::time_t time);

}  // namespace margay::http
