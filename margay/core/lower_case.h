#pragma once

#include <string>

namespace margay::core {

/// A … Z only, whatever the locale: for names that programs made, not people.
constexpr char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lower_case(std::string text) {
  for (char& c : text) c = lower_case(c);
  return text;
}

}  // namespace margay::core
