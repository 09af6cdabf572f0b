#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace margay::core {

/// Changes A … Z only, whatever the locale. For names made by programs, not by people.
constexpr char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lower_case(std::string text) {
  for (char& c : text) c = lower_case(c);
  return text;
}

/// The text as bytes, which it must outlive.
inline std::span<const std::uint8_t> text_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Whether `a` comes before `b` as a person sorts names: runs of digits by their value, so "cat_2" < "cat_10";
/// everything else by bytes. A strict weak order; equal values with more leading zeros come later.
bool natural_less(std::string_view a, std::string_view b);

/// How much of the beginning all names share, in bytes; not a part of a number. 0 for no names.
std::size_t natural_beginning(std::span<const std::string_view> names);

/// The first bytes of what natural_less compares, for sorting many names: of two names with different keys the one with
/// the lesser key comes first; names with equal keys are to be compared. Names are given without a beginning that all
/// of them share (natural_beginning).
std::array<std::uint64_t, 2> natural_key(std::string_view name);

/// How many letters must be inserted, deleted, changed or swapped with a neighbour to turn `b` into `a` (Damerau 1964,
/// optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate most like `word`, whatever the case of its letters, or "" when none is near enough to be a likely
/// typing error.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// "; did you mean 'X'?" or "".
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// The parts with a separator between them: joined(names, ", "). Numbers as "{}" of fmt writes them. (fmt::join makes
/// each file that uses it compile what formats its elements.)
std::string joined(std::span<const std::string> parts, std::string_view separator);
std::string joined(std::span<const std::string_view> parts, std::string_view separator);
std::string joined(std::span<const std::int64_t> numbers, std::string_view separator);
std::string joined(std::span<const double> numbers, std::string_view separator);

/// A message and what is to be said after it: "message; next", after a question "message? next".
std::string followed_by(std::string message, std::string_view next);

/// A bar of '#' that fills `fraction` of `width`, rounded to whole marks: text_bar(0.5, 4) is "##". The fraction is
/// clamped to 0 … 1; NaN gives an empty bar. width: at least 0.
std::string text_bar(double fraction, int width);

/// The number of terminal columns that the text takes: one for each code point of its UTF-8, two for a wide one
/// (Chinese, Japanese, Korean, emoji), none for a combining mark, one for a byte that is not UTF-8.
std::size_t text_width(std::string_view text);

/// The text; if it takes more columns, its end is replaced by "…".
std::string fitted(std::string_view text, std::size_t columns);

enum class TextAlign { kLeft, kRight };

/// The text with spaces after it (kLeft) or before it, so that it takes that many columns; wider text is unchanged.
std::string padded(std::string_view text, std::size_t columns, TextAlign align = TextAlign::kLeft);

/// The text with U+FFFD for every byte that is not UTF-8 (RFC 3629).
std::string valid_utf8(std::string_view text);

/// The text on one line: line breaks, tabs and other control characters (C0, DEL, and C1 in UTF-8 or as a byte of its
/// own) become spaces, so that a name from a file can neither break a table nor send control sequences to a terminal.
std::string one_line(std::string_view text);

/// Whether line breaks and tabs are control characters, too, or the text's own layout.
enum class Layout { kOneLine, kKept };

/// The text with control characters spelled out, "\\n", "\\t", "\\x1B", so that a name can be told from another one.
std::string spelled_out(std::string_view text, Layout layout = Layout::kOneLine);

/// A path within a message for people: on one line, control characters spelled out. (shell_word: for a command.)
std::string shown_path(const std::filesystem::path& path);

/// A name or path as one word of a command line that a person pastes into a shell (sh, bash, zsh): unchanged if every
/// character stands for itself, else quoted; control characters and bytes that are not UTF-8 as $'\\n' (bash, zsh). A
/// path that begins with '-' gets "./" in front, so that it is not taken for a flag.
std::string shell_word(std::string_view name);

/// A table of text whose columns are aligned, whatever alphabet the cells are written in. Control characters in cells
/// are spelled out.
class TextTable {
 public:
  using Align = TextAlign;
  struct Column {
    std::string title;
    Align align = Align::kRight;
  };

  explicit TextTable(std::vector<Column> columns);

  /// Throws std::invalid_argument unless there is one cell for each column.
  void add(std::vector<std::string> cells);

  /// The titles, then the rows; columns are two spaces apart, every line begins with `indent` and ends with a line
  /// break, and none ends with a space.
  std::string text(std::string_view indent = "") const;

 private:
  std::vector<std::size_t> widths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // the titles first
};

}  // namespace margay::core
