#include "apps/cli/terminal_keys.h"

#include <charconv>
#include <string_view>
#include <vector>

namespace margay::cli {
namespace {

constexpr char kEscapeByte = '\x1b';

/// The length of the character that begins with this byte; 0 for a byte that begins none.
std::size_t utf8_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  return first >= 0xF0 && first < 0xF5 ? 4 : 0;
}

Key key_of_control(char byte) {
  switch (byte) {
    case '\r':
    case '\n':
      return {Key::Kind::kEnter};
    case '\t':
      return {Key::Kind::kTab};
    case '\b':
    case '\x7f':
      return {Key::Kind::kBackspace};
    case '\x03':
      return {Key::Kind::kInterrupt};
    case '\x04':
      return {Key::Kind::kEnd};
    case '\x1a':
      return {Key::Kind::kSuspend};
    default:
      return {};
  }
}

std::string taken(std::string& bytes, std::size_t length) {
  std::string text = bytes.substr(0, length);
  bytes.erase(0, length);
  return text;
}

/// The length of a control sequence "\x1b[…letter", 0 where its end is missing.
std::size_t csi_length(std::string_view bytes) {
  for (std::size_t i = 2; i < bytes.size(); ++i) {
    if (bytes[i] >= '@' && bytes[i] <= '~') return i + 1;
  }
  return 0;
}

/// The length of a string that ends with ST ("\x1b\\") or BEL, 0 where its end is missing.
std::size_t string_length(std::string_view bytes) {
  for (std::size_t i = 2; i < bytes.size(); ++i) {
    if (bytes[i] == '\a') return i + 1;
    if (bytes[i] == kEscapeByte && i + 1 < bytes.size() && bytes[i + 1] == '\\') return i + 2;
  }
  return 0;
}

std::size_t sequence_length(std::string_view bytes) {
  switch (bytes[1]) {
    case '[':
      return csi_length(bytes);
    case 'O':
      return bytes.size() > 2 ? 3 : 0;
    case '_':
    case 'P':
    case ']':
    case '^':
      return string_length(bytes);
    default:
      return 2;  // Alt and a key
  }
}

std::optional<Key> take_sequence(std::string& bytes, bool is_complete) {
  const std::size_t length = bytes.size() < 2 ? 0 : sequence_length(bytes);
  if (length == 0 && !is_complete) return std::nullopt;
  if (length == 0) {
    const bool is_alone = bytes.size() == 1;
    bytes.clear();
    return Key{is_alone ? Key::Kind::kEscape : Key::Kind::kOther};
  }
  const std::string sequence = taken(bytes, length);
  if (sequence == "\x1b[A" || sequence == "\x1bOA") return Key{Key::Kind::kUp};
  if (sequence == "\x1b[B" || sequence == "\x1bOB") return Key{Key::Kind::kDown};
  return Key{};
}

/// The numbers between `begin` and `end`, which semicolons separate.
std::vector<int> numbers_between(std::string_view text, std::string_view begin, char end) {
  const std::size_t at = text.find(begin);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + begin.size());
  const std::size_t stop = text.find(end);
  if (stop == std::string_view::npos) return {};
  std::vector<int> numbers;
  const char* from = text.data();
  const char* const last = text.data() + stop;
  while (from <= last) {
    int number = 0;
    const auto result = std::from_chars(from, last, number);
    if (result.ec != std::errc()) return {};
    numbers.push_back(number);
    from = result.ptr + 1;
  }
  return numbers;
}

}  // namespace

std::optional<Key> take_key(std::string& bytes, bool is_complete) {
  if (bytes.empty()) return std::nullopt;
  if (bytes[0] == kEscapeByte) return take_sequence(bytes, is_complete);
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (first < 0x20 || first == 0x7f) return key_of_control(taken(bytes, 1)[0]);
  const std::size_t length = utf8_length(first);
  if (length > bytes.size() && !is_complete) return std::nullopt;
  if (length == 0 || length > bytes.size()) {
    taken(bytes, 1);
    return Key{};
  }
  return Key{Key::Kind::kText, taken(bytes, length)};
}

TerminalReplies read_replies(const std::string& bytes) {
  TerminalReplies replies;
  replies.has_kitty = bytes.find("\x1b_Gi=31;OK") != std::string::npos;
  if (const auto size = numbers_between(bytes, "\x1b[6;", 't'); size.size() == 2) {
    replies.cell_height_px = size[0];
    replies.cell_width_px = size[1];
  }
  const std::vector<int> attributes = numbers_between(bytes, "\x1b[?", 'c');
  replies.is_complete = !attributes.empty();
  for (const int attribute : attributes) replies.has_sixel = replies.has_sixel || attribute == 4;
  return replies;
}

}  // namespace margay::cli
