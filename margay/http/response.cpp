#include "margay/http/response.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace margay::http {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};

constexpr std::array kPhrases = {Phrase{200, "OK"},
                                 Phrase{201, "Created"},
                                 Phrase{202, "Accepted"},
                                 Phrase{204, "No Content"},
                                 Phrase{301, "Moved Permanently"},
                                 Phrase{302, "Found"},
                                 Phrase{303, "See Other"},
                                 Phrase{304, "Not Modified"},
                                 Phrase{307, "Temporary Redirect"},
                                 Phrase{308, "Permanent Redirect"},
                                 Phrase{400, "Bad Request"},
                                 Phrase{401, "Unauthorized"},
                                 Phrase{403, "Forbidden"},
                                 Phrase{404, "Not Found"},
                                 Phrase{405, "Method Not Allowed"},
                                 Phrase{406, "Not Acceptable"},
                                 Phrase{408, "Request Timeout"},
                                 Phrase{409, "Conflict"},
                                 Phrase{410, "Gone"},
                                 Phrase{411, "Length Required"},
                                 Phrase{412, "Precondition Failed"},
                                 Phrase{413, "Content Too Large"},
                                 Phrase{414, "URI Too Long"},
                                 Phrase{415, "Unsupported Media Type"},
                                 Phrase{417, "Expectation Failed"},
                                 Phrase{421, "Misdirected Request"},
                                 Phrase{422, "Unprocessable Content"},
                                 Phrase{429, "Too Many Requests"},
                                 Phrase{431, "Request Header Fields Too Large"},
                                 Phrase{500, "Internal Server Error"},
                                 Phrase{501, "Not Implemented"},
                                 Phrase{503, "Service Unavailable"},
                                 Phrase{504, "Gateway Timeout"},
                                 Phrase{505, "HTTP Version Not Supported"},
                                 Phrase{507, "Insufficient Storage"}};

std::string dumped(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void check_event_word(std::string_view text) {
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    throw std::invalid_argument("[event_text] a name or an id has a line break");
  }
}

}  // namespace

Response json(const nlohmann::ordered_json& value, int status) { return json_text(dumped(value), status); }

Response json_text(std::string text, int status) {
  return {.status = status, .content_type = "application/json", .body = std::move(text)};
}

Response text(std::string text, int status) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(text)};
}

Response error(int status, std::string_view reason) {
  Response response = json(nlohmann::ordered_json{{"error", std::string(reason)}}, status);
  if (status == 503) response.headers.set("Retry-After", "1");
  return response;
}

Response unavailable(std::string_view reason, int retry_after_seconds) {
  Response response = error(503, reason);
  response.headers.set("Retry-After", std::to_string(retry_after_seconds));
  return response;
}

std::string_view reason_phrase(int status) {
  const auto* phrase =
      std::find_if(kPhrases.begin(), kPhrases.end(), [&](const Phrase& p) { return p.status == status; });
  return phrase == kPhrases.end() ? std::string_view("Unknown") : phrase->text;
}

std::string event_text(std::string_view data, std::string_view name, std::string_view id) {
  check_event_word(name);
  check_event_word(id);
  std::string event;
  if (!name.empty()) event.append("event: ").append(name).append("\n");
  if (!id.empty()) event.append("id: ").append(id).append("\n");
  for (bool is_last = false; !is_last;) {  // CR LF, CR and LF all end a line there
    const std::size_t end = std::min(data.find_first_of("\r\n"), data.size());
    event.append("data: ").append(data.substr(0, end)).append("\n");
    is_last = end == data.size();
    data.remove_prefix(data.substr(end).starts_with("\r\n") ? end + 2 : std::min(end + 1, data.size()));
  }
  return event + "\n";
}

}  // namespace margay::http
