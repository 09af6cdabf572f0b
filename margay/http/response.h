#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/http/headers.h"

namespace margay::http {

/// One response. The server adds Content-Length, Date, Connection, X-Request-Id and what CORS needs, and leaves out the
/// body for HEAD.
struct Response {
  int status = 200;          ///< 200 … 599
  std::string content_type;  ///< "": no Content-Type
  std::string body;
  Headers headers;                                       ///< further ones, such as Retry-After
  std::vector<std::pair<std::string, std::string>> log;  ///< further entries of the line in the access log
};

/// 200 unless another status is given.
Response json(const nlohmann::ordered_json& value, int status = 200);
/// The same of JSON that is text already.
Response json_text(std::string text, int status = 200);
Response text(std::string text, int status = 200);
/// {"error": reason}: what every error is answered with. status: 400 … 599; 503 says to come again after a second.
Response error(int status, std::string_view reason);
/// 503: the server is full for now.
Response unavailable(std::string_view reason, int retry_after_seconds = 1);
/// The reason phrase of a status, such as "Not Found"; "Unknown" for others.
std::string_view reason_phrase(int status);

/// One event of a text/event-stream (HTML, "Server-sent events"). name, id: "" leaves them out. Line breaks in the data
/// are kept. Throws std::invalid_argument for line breaks in name or id.
std::string event_text(std::string_view data, std::string_view name = "", std::string_view id = "");

}  // namespace margay::http
