#include "margay/core/natural_order.h"

#include <algorithm>
#include <compare>

namespace margay::core {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes the digits that `text` begins with.
std::string_view take_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

std::string_view without_zeros(std::string_view digits) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

std::strong_ordering compare_numbers(std::string_view a, std::string_view b) {
  const std::string_view value_a = without_zeros(a);
  const std::string_view value_b = without_zeros(b);
  if (value_a.size() != value_b.size()) return value_a.size() <=> value_b.size();
  return value_a.compare(value_b) <=> 0;
}

/// Where they first differ, or the digits in which they do begin: paths of one folder share most of their bytes.
std::size_t shared_beginning(std::string_view a, std::string_view b) {
  const auto end =
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin());
  auto shared = static_cast<std::size_t>(end.first - a.begin());
  while (shared > 0 && is_digit(a[shared - 1])) --shared;
  return shared;
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  const std::size_t shared = shared_beginning(a, b);
  a.remove_prefix(shared);
  b.remove_prefix(shared);
  const std::string_view whole_a = a;
  const std::string_view whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const auto order = compare_numbers(take_digits(a), take_digits(b));
      if (order != std::strong_ordering::equal) return std::is_lt(order);
      continue;
    }
    if (a.front() != b.front()) return static_cast<unsigned char>(a.front()) < static_cast<unsigned char>(b.front());
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a.size() != whole_b.size() ? whole_a.size() < whole_b.size() : whole_a < whole_b;
}

}  // namespace margay::core
