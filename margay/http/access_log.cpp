#include "margay/http/access_log.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/utc_time.h"
#include "margay/http/trace.h"

namespace margay::http {
namespace {

void put_text(nlohmann::ordered_json& line, const char* key, const std::string& value) {
  if (!value.empty()) line[key] = value;
}

}  // namespace

std::string access_line(const AccessEntry& entry) {
  nlohmann::ordered_json line = {{"time", core::utc_text_ms(entry.time)}};
  put_text(line, "id", entry.id);
  if (!entry.traceparent.empty()) line["trace_id"] = trace_id(entry.traceparent);
  put_text(line, "peer", entry.peer);
  put_text(line, "method", entry.method);
  put_text(line, "target", entry.target);
  line["status"] = entry.status;
  line["request_bytes"] = entry.request_bytes;
  line["response_bytes"] = entry.response_bytes;
  line["ms"] = std::round(entry.seconds * 1e6) / 1e3;
  put_text(line, "user_agent", entry.user_agent);
  put_text(line, "error", entry.error);
  for (const auto& [key, value] : entry.more) put_text(line, key.c_str(), value);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace margay::http
