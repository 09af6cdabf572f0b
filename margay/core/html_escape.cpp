#include "margay/core/html_escape.h"

namespace margay::core {
namespace {

std::string_view reference(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return "";
  }
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const std::string_view instead = reference(c);
    if (instead.empty()) {
      escaped += c;
    } else {
      escaped += instead;
    }
  }
  return escaped;
}

}  // namespace margay::core
