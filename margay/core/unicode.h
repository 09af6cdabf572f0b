#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace margay::core {

/// The place of the first byte that is not UTF-8 (RFC 3629); nothing where all of them are.
std::optional<std::size_t> first_non_utf8(std::string_view text);

/// The text in Unicode's normal form C, in which an accented letter is one character. macOS names files in form D, a
/// letter and its accent; both look the same. Text that is not UTF-8 comes back unchanged.
std::string composed(std::string_view text);

/// The text without the differences that readers overlook: letters of every script in small form (full case folding: ß
/// is ss), full-width letters, ligatures and other compatibility forms as plain ones (normal form KC), one form of each
/// dash, quote and blank. Runs of blanks and control characters become one space; those at the ends, and characters
/// without width, are removed. Text that is not UTF-8 comes back unchanged.
std::string folded(std::string_view text);

/// The text with everything that leaves no trace on a screen written out: "cup<U+200B>" for a zero-width space. Control
/// characters, characters without width, every blank but a plain space between other characters, accents that stand as
/// characters of their own (form D); and each byte that is not UTF-8, as "<E9>".
std::string with_hidden_shown(std::string_view text);

}  // namespace margay::core
