#pragma once

#include <optional>
#include <string>

namespace margay::cli {

/// What was pressed at a terminal.
struct Key {
  enum class Kind {
    kText,  ///< a character of any script, in `text`
    kEnter,
    kBackspace,
    kTab,
    kEscape,
    kUp,
    kDown,
    kInterrupt,  ///< ctrl-C
    kSuspend,    ///< ctrl-Z
    kEnd,        ///< ctrl-D, or the terminal is gone
    kResized,    ///< the terminal has another size; also when the program comes back to the foreground
    kOther       ///< what means nothing here: other keys, late replies of the terminal
  };
  Kind kind = Kind::kOther;
  std::string text = "";  ///< UTF-8, one code point

  bool is(char letter) const { return kind == Kind::kText && text.size() == 1 && text[0] == letter; }
};

/// Takes the first key from what a terminal sent; nothing where more must come, as in the middle of a character or
/// of a sequence (ECMA-48). is_complete: no more has come for a while, so that a lone ESC is the key of that name.
std::optional<Key> take_key(std::string& bytes, bool is_complete);

/// What a terminal says that it can, from its replies to kTerminalQuery.
struct TerminalReplies {
  bool has_kitty = false;  ///< "\x1b_Gi=31;OK\x1b\\"
  bool has_sixel = false;  ///< attribute 4 of the device attributes, "\x1b[?62;4c"
  int cell_width_px = 0;   ///< "\x1b[6;20;10t"; 0: not told
  int cell_height_px = 0;
  bool is_complete = false;  ///< the device attributes have come, which all terminals send, last
};

/// Asks for kitty's graphics (a query that draws nothing), the size of a cell (XTWINOPS 16), and the device attributes
/// (DA1), which every terminal answers.
constexpr const char* kTerminalQuery = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c";

TerminalReplies read_replies(const std::string& bytes);

}  // namespace margay::cli
