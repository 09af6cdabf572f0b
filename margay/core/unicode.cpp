#include "margay/core/unicode.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <utf8proc.h>

#include "margay/core/error.h"

namespace margay::core {
namespace {

const utf8proc_uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data());
}

/// The next code point and its length; a negative code point where none begins.
struct NextPoint {
  utf8proc_int32_t point = -1;
  std::size_t bytes = 1;
};

NextPoint next_point(std::string_view text) {
  NextPoint next;
  const utf8proc_ssize_t bytes =
      utf8proc_iterate(bytes_of(text), static_cast<utf8proc_ssize_t>(text.size()), &next.point);
  if (bytes < 1) return {};
  next.bytes = static_cast<std::size_t>(bytes);
  return next;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// options: those of utf8proc_map. Nothing for text that is not UTF-8.
std::optional<std::string> mapped(std::string_view text, int options) {
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(bytes_of(text), static_cast<utf8proc_ssize_t>(text.size()), &result,
                                             static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, std::free);
  if (size == UTF8PROC_ERROR_INVALIDUTF8) return std::nullopt;
  MARGAY_CHECK(size >= 0, utf8proc_errmsg(size));
  return std::string(reinterpret_cast<const char*>(result), static_cast<std::size_t>(size));
}

bool is_control_or_blank(char c) {
  const auto byte = static_cast<unsigned char>(c);  // a char has a sign on some processors
  return byte <= ' ' || byte == 0x7F;
}

/// Runs of blanks become one space; those at the ends go.
std::string with_single_blanks(std::string_view text) {
  std::string tidy;
  for (const char c : text) {
    if (!is_control_or_blank(c))
      tidy += c;
    else if (!tidy.empty() && tidy.back() != ' ')
      tidy += ' ';
  }
  if (tidy.ends_with(' ')) tidy.pop_back();
  return tidy;
}

enum class Accents { kShow, kLeave };

bool is_hidden(utf8proc_int32_t point, Accents accents) {
  const utf8proc_property_t* property = utf8proc_get_property(point);
  switch (property->category) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return true;
    case UTF8PROC_CATEGORY_MN:
      return accents == Accents::kShow;
    case UTF8PROC_CATEGORY_ZS:
      return point != ' ';
    default:
      return property->ignorable != 0;
  }
}

std::string escaped(utf8proc_int32_t point) { return fmt::format("<U+{:04X}>", static_cast<std::uint32_t>(point)); }

}  // namespace

std::optional<std::size_t> first_non_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const NextPoint next = next_point(text.substr(at));
    if (next.point < 0) return at;
    at += next.bytes;
  }
  return std::nullopt;
}

std::string composed(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  return mapped(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE).value_or(std::string(text));
}

std::string folded(std::string_view text) {
  constexpr int kFold =
      UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_LUMP;
  const auto plain = mapped(text, kFold);
  if (!plain) return std::string(text);
  // Folding may leave what folds again; normal form KC is then kept by a second pass.
  return with_single_blanks(mapped(*plain, kFold).value_or(*plain));
}

std::string with_hidden_shown(std::string_view text) {
  const Accents accents = composed(text) == text ? Accents::kLeave : Accents::kShow;
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    const NextPoint next = next_point(text.substr(at));
    const bool is_at_an_end = at == 0 || at + next.bytes == text.size();
    if (next.point < 0)
      shown += fmt::format("<{:02X}>", static_cast<unsigned char>(text[at]));
    else if ((next.point == ' ' && is_at_an_end) || is_hidden(next.point, accents))
      shown += escaped(next.point);
    else
      shown += text.substr(at, next.bytes);
    at += next.bytes;
  }
  return shown;
}

}  // namespace margay::core
