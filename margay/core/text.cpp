#include "margay/core/text.h"

#include <algorithm>
#include <compare>
#include <stdexcept>

#include <fmt/format.h>

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

std::size_t natural_beginning(std::span<const std::string_view> names) {
  if (names.empty()) return 0;
  std::string_view shared = names.front();
  for (const std::string_view name : names) shared = shared.substr(0, shared_beginning(shared, name));
  return shared.size();
}

/// A number is '0', in whose place among the other bytes any digit stands, the count of its digits, and the digits.
std::array<std::uint64_t, 2> natural_key(std::string_view name) {
  constexpr std::size_t kMostDigits = 255;  // longer numbers are not told apart
  std::array<std::uint64_t, 2> key{};
  std::size_t at = 0;
  const auto put = [&](char byte) {
    if (at < sizeof key) key[at / 8] |= std::uint64_t{static_cast<unsigned char>(byte)} << (56 - 8 * (at % 8));
    ++at;
  };
  while (!name.empty() && at < sizeof key) {
    if (!is_digit(name.front())) {
      put(name.front());
      name.remove_prefix(1);
      continue;
    }
    const std::string_view digits = without_zeros(take_digits(name));
    put('0');
    put(static_cast<char>(std::min(digits.size(), kMostDigits)));
    if (digits.size() >= kMostDigits) break;
    for (const char digit : digits.substr(0, sizeof key)) put(digit);
  }
  return key;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> table((a.size() + 1) * width);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return table[i * width + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) at(i, 0) = i;
  for (std::size_t j = 0; j <= b.size(); ++j) at(0, j) = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = at(i - 1, j - 1) + (a[i - 1] == b[j - 1] ? 0 : 1);
      at(i, j) = std::min({change, at(i - 1, j) + 1, at(i, j - 1) + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
    }
  }
  return at(a.size(), b.size());
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::string lower_word = lower_case(std::string(word));
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;  // a third of the letters may be wrong
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(lower_word, lower_case(candidate));
    if (distance == 0) return candidate;
    if (distance < best_distance && distance < std::max(word.size(), candidate.size())) {  // some letter stays
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const std::string guess = nearest(word, candidates);
  return guess.empty() ? "" : "; did you mean '" + spelled_out(guess) + "'?";
}

std::string joined(std::span<const std::string> parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string joined(std::span<const std::string_view> parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string joined(std::span<const std::int64_t> numbers, std::string_view separator) {
  return fmt::format("{}", fmt::join(numbers, separator));
}

std::string joined(std::span<const double> numbers, std::string_view separator) {
  return fmt::format("{}", fmt::join(numbers, separator));
}

std::string followed_by(std::string message, std::string_view next) {
  message += message.ends_with('?') ? " " : "; ";
  return message.append(next);
}

std::string text_bar(double fraction, int width) {
  if (!(fraction > 0)) return "";
  return std::string(static_cast<std::size_t>(std::min(fraction, 1.0) * width + 0.5), '#');
}

TextTable::TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  rows_.push_back(std::move(titles));
}

void TextTable::add(std::vector<std::string> cells) {
  if (cells.size() != columns_.size()) {
    throw std::invalid_argument(fmt::format("[TextTable] {} cells for {} columns", cells.size(), columns_.size()));
  }
  for (std::string& cell : cells) cell = spelled_out(cell);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> TextTable::widths() const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], text_width(row[i]));
  }
  return widths;
}

std::string TextTable::text(std::string_view indent) const {
  const std::vector<std::size_t> width = widths();
  std::string text;
  for (const auto& row : rows_) {
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line += padded(row[i], width[i], columns_[i].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace margay::core
