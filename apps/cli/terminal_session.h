#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "apps/cli/terminal_image.h"
#include "apps/cli/terminal_keys.h"

namespace margay::cli {

/// Whether a person sits at standard input and output, so that keys can be read and a screen drawn: both are a
/// terminal, and one that can move its cursor (TERM is set and not "dumb").
bool has_screen();

/// The terminal while a screen is drawn on it: keys come one by one and unechoed, and what stood there before comes
/// back at the end. However the program ends, by an exception, by SIGINT, SIGTERM, SIGHUP, SIGQUIT or SIGABRT, the
/// terminal is as it was; only SIGKILL cannot be helped. At most one at a time.
class TerminalSession {
 public:
  /// Throws core::Error if standard input is no terminal.
  TerminalSession();
  TerminalSession(const TerminalSession&) = delete;
  TerminalSession& operator=(const TerminalSession&) = delete;
  ~TerminalSession();

  /// Waits for a key.
  Key read_key();

  /// Replaces what is on the screen. lines: as many as fit; control sequences are the caller's.
  void show(std::string_view screen);

  /// The size of the screen, 80x24 where the terminal does not say, and of its cells.
  CellArea area() const;

  /// The best style of images, by this order: kAuto's choice, or what the user chose. Asks the terminal and waits for
  /// its replies for at most `timeout`; without any it has no pixels. Colours by COLORTERM, TERM and NO_COLOR.
  ImageStyle choose_style(ImageStyle wanted, std::chrono::milliseconds timeout = std::chrono::milliseconds(500));

  /// Gives the terminal back to the shell (ctrl-Z), until the program comes to the foreground again.
  void suspend();

 private:
  bool wait_for_bytes(int timeout_ms);

  std::string bytes_;  ///< read, and not yet taken as keys
  bool is_gone_ = false;
  int cell_width_px_ = 0;
  int cell_height_px_ = 0;
};

/// The style without pixels that the environment promises. colorterm, term: the variables, "" where they are not set.
ImageStyle style_of_variables(const std::string& colorterm, const std::string& term, bool wants_colours);

}  // namespace margay::cli
