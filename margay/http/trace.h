#pragma once

#include <string>
#include <string_view>

namespace margay::http {

/// Whether the text is a traceparent that others can continue: version, trace id, parent id and flags in small
/// hexadecimal digits, no id all zeros, version not ff (W3C Trace Context, section 3.2).
bool is_traceparent(std::string_view text);

/// The trace id of a valid traceparent: 32 hexadecimal digits.
std::string_view trace_id(std::string_view traceparent);

/// Whether a client's X-Request-Id may be used and written to logs: 1 to 128 letters, digits and "-._:".
bool is_request_id(std::string_view text);

/// A new id, 32 hexadecimal digits: random for each process, and a number that counts up.
std::string new_request_id();

}  // namespace margay::http
