#include "apps/cli/terminal_session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "apps/cli/output.h"
#include "apps/cli/progress_line.h"
#include "margay/core/error.h"

namespace margay::cli {
namespace {

// A signal handler can reach nothing but globals.
termios settings_before{};
std::atomic<bool> is_screen_ours = false;
std::atomic<bool> was_resized = false;
std::array<int, 2> wake_pipe = {-1, -1};  ///< a byte in it ends a poll, on whichever thread the signal arrived

constexpr std::string_view kEnterScreen = "\x1b[?1049h\x1b[?25l";  // the other screen, no cursor
constexpr std::string_view kLeaveScreen = "\x1b_Ga=d,d=A,q=2\x1b\\\x1b[0m\x1b[?25h\x1b[?1049l";
constexpr std::array kEndingSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT};

/// Only what a signal handler may call.
void leave_screen() {
  if (!is_screen_ours.exchange(false)) return;
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, kLeaveScreen.data(), kLeaveScreen.size());
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &settings_before);
}

void leave_and_die(int signal) {
  leave_screen();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void note_resize(int /*signal*/) {
  const int error = errno;
  was_resized = true;
  [[maybe_unused]] const ssize_t written = ::write(wake_pipe[1], "w", 1);
  errno = error;
}

void enter_screen() {
  termios raw = settings_before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL | INLCR);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  is_screen_ours = true;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  standard_output().write_at_once(kEnterScreen);
}

std::string terminal_variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
  return value == nullptr ? "" : value;
}

}  // namespace

bool has_screen() { return ::isatty(STDIN_FILENO) == 1 && can_rewrite_lines(STDOUT_FILENO); }

ImageStyle style_of_variables(const std::string& colorterm, const std::string& term, bool wants_colours) {
  const auto has = [&](const char* part) { return term.find(part) != std::string::npos; };
  if (!wants_colours || term.empty() || term == "dumb" || term.starts_with("vt") || has("mono")) {
    return ImageStyle::kShades;
  }
  if (colorterm == "truecolor" || colorterm == "24bit" || has("direct")) return ImageStyle::kBlocks;
  // The Linux console knows 24-bit sequences, and shows the nearest of its 16 colours.
  return has("256color") || has("kitty") || has("alacritty") || term == "linux" ? ImageStyle::kBlocks256
                                                                                : ImageStyle::kShades;
}

TerminalSession::TerminalSession() {
  if (::tcgetattr(STDIN_FILENO, &settings_before) != 0) throw core::Error("standard input is no terminal");
  if (wake_pipe[0] < 0 && ::pipe2(wake_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    throw core::Error("the system gives no pipe");
  }
  struct sigaction resize {};
  resize.sa_handler = note_resize;
  ::sigaction(SIGWINCH, &resize, nullptr);
  for (const int signal : kEndingSignals) std::signal(signal, leave_and_die);
  enter_screen();
}

TerminalSession::~TerminalSession() {
  leave_screen();
  std::signal(SIGWINCH, SIG_DFL);
  for (const int signal : kEndingSignals) std::signal(signal, SIG_DFL);
}

void TerminalSession::suspend() {
  leave_screen();
  std::raise(SIGSTOP);
  enter_screen();
  was_resized = true;
}

/// Whether bytes have come; false after the time, or when the size has changed.
bool TerminalSession::wait_for_bytes(int timeout_ms) {
  std::array<pollfd, 2> sources = {pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                   pollfd{.fd = wake_pipe[0], .events = POLLIN, .revents = 0}};
  if (::poll(sources.data(), sources.size(), timeout_ms) <= 0) return false;
  std::array<char, 4096> buffer{};
  if (sources[1].revents != 0) {
    while (::read(wake_pipe[0], buffer.data(), buffer.size()) > 0) {
    }
  }
  if (sources[0].revents == 0) return false;
  const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (count > 0) bytes_.append(buffer.data(), static_cast<std::size_t>(count));
  is_gone_ = count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN);
  return count > 0;
}

Key TerminalSession::read_key() {
  constexpr int kEscapeMs = 50;  // the rest of a sequence comes at once
  for (;;) {
    if (was_resized.exchange(false)) return {Key::Kind::kResized};
    if (const auto key = take_key(bytes_, false)) return *key;
    if (is_gone_) return {Key::Kind::kEnd};
    if (!wait_for_bytes(bytes_.empty() ? -1 : kEscapeMs) && !bytes_.empty()) {
      if (const auto key = take_key(bytes_, true)) return *key;
    }
  }
}

void TerminalSession::show(std::string_view screen) { standard_output().write_at_once(screen); }

CellArea TerminalSession::area() const {
  CellArea area;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    area.columns = size.ws_col;
    area.rows = size.ws_row;
    if (size.ws_xpixel > 0 && size.ws_ypixel > 0) {
      area.cell_width_px = std::max(1, size.ws_xpixel / size.ws_col);
      area.cell_height_px = std::max(1, size.ws_ypixel / size.ws_row);
    }
  }
  if (cell_width_px_ > 0 && cell_height_px_ > 0) {
    area.cell_width_px = cell_width_px_;
    area.cell_height_px = cell_height_px_;
  }
  return area;
}

ImageStyle TerminalSession::choose_style(ImageStyle wanted, std::chrono::milliseconds timeout) {
  const bool needs_cells = wanted == ImageStyle::kSixel || wanted == ImageStyle::kKitty;
  if (wanted != ImageStyle::kAuto && !needs_cells) return wanted;
  standard_output().write_at_once(kTerminalQuery);
  const auto end = std::chrono::steady_clock::now() + timeout;
  TerminalReplies replies;
  while (!replies.is_complete && !is_gone_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    wait_for_bytes(static_cast<int>(left.count()));
    replies = read_replies(bytes_);
  }
  cell_width_px_ = replies.cell_width_px;
  cell_height_px_ = replies.cell_height_px;
  if (needs_cells) return wanted;
  if (replies.has_kitty) return ImageStyle::kKitty;
  if (replies.has_sixel) return ImageStyle::kSixel;
  return style_of_variables(terminal_variable("COLORTERM"), terminal_variable("TERM"), shows_colours(STDOUT_FILENO));
}

}  // namespace margay::cli
