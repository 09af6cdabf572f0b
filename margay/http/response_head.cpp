#include "margay/http/response_head.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace margay::http {
namespace {

constexpr std::array<std::string_view, 6> kOwnFields = {"Content-Length", "Transfer-Encoding", "Connection",
                                                        "Date",           "X-Request-Id",      "Content-Type"};

bool has_no_body(int status) { return status == 204 || status == 304; }

void put_field(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

void put_length(std::string& head, const Response& response, BodyLength length) {
  if (length == BodyLength::kChunked) put_field(head, "Transfer-Encoding", "chunked");
  if (length != BodyLength::kKnown || has_no_body(response.status)) return;
  put_field(head, "Content-Length", std::to_string(response.body.size()));
}

/// Whether the list holds nothing but names of header fields, so that it may be repeated.
bool is_list_of_names(std::string_view list) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (!is_token(trimmed(list.substr(0, comma)))) return false;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return true;
}

void allow_preflight(Response& response, const Headers& request) {
  const std::string_view method = request.get("Access-Control-Request-Method");
  const std::string_view names = request.get("Access-Control-Request-Headers");
  const std::string_view allowed = response.headers.get("Allow");
  response.headers.set("Access-Control-Allow-Methods", std::string(allowed.empty() ? method : allowed));
  if (!names.empty() && is_list_of_names(names)) {
    response.headers.set("Access-Control-Allow-Headers", std::string(names));
  }
  response.headers.set("Access-Control-Max-Age", "600");
}

}  // namespace

std::string response_head(const Response& response, const HeadFacts& facts) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  put_field(head, "Date", facts.date);
  if (!response.content_type.empty()) put_field(head, "Content-Type", response.content_type);
  put_length(head, response, facts.length);
  if (!facts.id.empty()) put_field(head, "X-Request-Id", facts.id);
  if (!facts.traceparent.empty()) put_field(head, "traceparent", facts.traceparent);
  if (facts.closes) put_field(head, "Connection", "close");
  if (!facts.closes && !facts.is_http_11) put_field(head, "Connection", "keep-alive");
  for (const Headers::Field& field : response.headers) put_field(head, field.name, field.value);
  return head + "\r\n";
}

std::string response_problem(const Response& response) {
  if (response.status < 200 || response.status > 599) return fmt::format("the response has status {}", response.status);
  for (const std::string_view name : kOwnFields) {
    if (response.headers.contains(name)) return fmt::format("the response sets {}, which is the server's", name);
  }
  if (response.content_type.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    return "the response's content type has a line break";
  }
  return has_no_body(response.status) && !response.body.empty() ? "the response has a body that its status forbids"
                                                                : "";
}

void add_cors(Response& response, const Headers& request, std::string_view origin) {
  if (origin.empty() || !request.contains("Origin")) return;
  if (origin != "*") response.headers.add("Vary", "Origin");
  if (origin != "*" && request.get("Origin") != origin) return;
  response.headers.set("Access-Control-Allow-Origin", std::string(origin));
  response.headers.set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
  if (request.contains("Access-Control-Request-Method")) allow_preflight(response, request);
}

std::string http_date(std::time_t time) {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays.at(static_cast<std::size_t>(utc.tm_wday)),
                     utc.tm_mday, kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

}  // namespace margay::http
