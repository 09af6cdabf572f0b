#include "margay/http/target.h"

#include <algorithm>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/http/headers.h"

namespace margay::http {
namespace {

constexpr int kBadTarget = 400;

[[noreturn]] void refuse_target(std::string_view what) { throw RequestError(kBadTarget, std::string(what)); }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = core::lower_case(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// The byte of "%41" at the text's beginning.
char escaped_byte(std::string_view text) {
  const int high = text.size() > 2 ? hex_value(text[1]) : -1;
  const int low = text.size() > 2 ? hex_value(text[2]) : -1;
  if (high < 0 || low < 0) refuse_target("the address has a \"%\" without two hexadecimal digits");
  return static_cast<char>(high * 16 + low);
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7F'; });
}

void check_segment(std::string_view encoded, const std::string& segment) {
  if (segment == "." || segment == "..") refuse_target("the path has a segment \".\" or \"..\"");
  const bool has_slash = segment.find_first_of("/\\") != std::string::npos;
  if (has_slash) refuse_target("the path has an encoded slash or a backslash");
  if (has_control(segment)) refuse_target("the path has a control character");
  if (core::valid_utf8(segment) != segment) refuse_target("the path is not UTF-8");
  if (encoded.find('#') != std::string_view::npos) refuse_target("the address has a \"#\"");
}

std::string decoded_path(std::string_view path) {
  std::string decoded;
  while (!path.empty()) {  // begins with "/"
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const std::string segment = percent_decoded(path.substr(1, end - 1));
    check_segment(path.substr(1, end - 1), segment);
    decoded += '/';
    decoded += segment;
    path.remove_prefix(end);
  }
  return decoded;
}

std::string decoded_form(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decoded(spaced);
}

/// Cuts "http://HOST" off; a path stays as it is.
std::string_view cut_authority(std::string_view& target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return {};
  const std::string_view name = target.substr(0, scheme);
  if (!equal_names(name, "http") && !equal_names(name, "https"))
    refuse_target("the address is neither a path nor http://HOST/PATH");
  target.remove_prefix(scheme + 3);
  const std::size_t end = std::min(target.find_first_of("/?"), target.size());
  const std::string_view authority = target.substr(0, end);
  if (authority.empty()) refuse_target("the address names no host");
  target.remove_prefix(end);
  return authority;
}

}  // namespace

Target parse_target(std::string_view target) {
  if (target == "*") return {.path = "*"};
  Target parsed;
  parsed.authority = cut_authority(target);
  const std::size_t mark = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, mark);
  if (path.empty() && !parsed.authority.empty()) path = "/";
  if (!path.starts_with('/')) refuse_target("the address is neither a path nor http://HOST/PATH");
  parsed.path = decoded_path(path);
  if (mark < target.size()) parsed.query = parse_query(target.substr(mark + 1));
  return parsed;
}

std::vector<QueryField> parse_query(std::string_view query) {
  std::vector<QueryField> fields;
  for (std::size_t first = 0; first < query.size();) {
    const std::size_t end = std::min(query.find('&', first), query.size());
    const std::size_t equals = std::min(query.find('=', first), end);
    const std::string_view value = equals < end ? query.substr(equals + 1, end - equals - 1) : std::string_view();
    if (end > first) fields.push_back({decoded_form(query.substr(first, equals - first)), decoded_form(value)});
    first = end + 1;
  }
  return fields;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  while (!text.empty()) {
    const bool is_escaped = text.front() == '%';
    decoded += is_escaped ? escaped_byte(text) : text.front();
    text.remove_prefix(is_escaped ? 3 : 1);
  }
  return decoded;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kPlainMarks = "-._~";
  std::string encoded;
  for (const char c : text) {
    const char small = core::lower_case(c);
    const bool is_plain =
        (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || kPlainMarks.find(c) != std::string_view::npos;
    encoded += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace margay::http
