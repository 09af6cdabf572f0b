#include "apps/cli/output.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "margay/core/text.h"

namespace margay::cli {
namespace {

/// Waits where the other programs at this stream have made it non-blocking, as Node.js does.
bool is_worth_another_try(int descriptor) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
  pollfd waiting{.fd = descriptor, .events = POLLOUT, .revents = 0};
  return ::poll(&waiting, 1, -1) >= 0 || errno == EINTR;
}

/// How many of the bytes could be written; fewer than all: errno says why.
std::size_t write_bytes(int descriptor, std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = ::write(descriptor, bytes.data() + done, bytes.size() - done);
    if (written < 0 && is_worth_another_try(descriptor)) continue;
    if (written < 0) break;
    done += static_cast<std::size_t>(written);
  }
  return done;
}

/// Takes half a line back, which a full disk has left at the end of a file: half a number looks like a whole one.
void take_back(int descriptor, std::size_t bytes) {
  struct stat file {};
  if (bytes == 0 || ::fstat(descriptor, &file) != 0 || !S_ISREG(file.st_mode)) return;
  const off_t end = ::lseek(descriptor, 0, SEEK_CUR);
  if (end != file.st_size || end < static_cast<off_t>(bytes)) return;  // another program writes to it, too
  if (::ftruncate(descriptor, end - static_cast<off_t>(bytes)) == 0) {
    ::lseek(descriptor, end - static_cast<off_t>(bytes), SEEK_SET);
  }
}

/// The lines that a pipe takes in one piece, or one line that is longer.
std::string_view first_lines(std::string_view lines) {
  if (lines.size() <= PIPE_BUF) return lines;
  std::size_t end = lines.substr(0, PIPE_BUF).rfind('\n');
  if (end == std::string_view::npos) end = lines.find('\n');
  return lines.substr(0, end == std::string_view::npos ? end : end + 1);
}

}  // namespace

void Output::write(std::string_view text) {
  const std::size_t end = text.rfind('\n');
  if (end == std::string_view::npos) {
    unfinished_ += text;
    return;
  }
  unfinished_ += text.substr(0, end + 1);
  write_lines(std::exchange(unfinished_, std::string(text.substr(end + 1))));
}

void Output::write_at_once(std::string_view text) {
  flush();
  write_lines(text);
}

void Output::flush() { write_lines(std::exchange(unfinished_, {})); }

bool Output::is_reader_gone() const { return lost_ == EPIPE; }

void Output::reset() {
  unfinished_.clear();
  lost_.reset();
  is_muted_ = false;
}

/// A disk may have room again later, but a reader does not come back.
void Output::write_lines(std::string_view lines) {
  if (is_muted_) return;
  while (!lines.empty() && !is_reader_gone()) {
    const std::string_view next = first_lines(lines);
    lines.remove_prefix(next.size());
    const std::size_t done = write_bytes(descriptor_, next);
    if (done == next.size()) continue;
    if (!lost_) lost_ = errno;
    const std::size_t whole = next.substr(0, done).rfind('\n') + 1;  // 0 where there is none
    take_back(descriptor_, done - whole);
  }
}

Output& standard_output() {
  static Output output(STDOUT_FILENO);
  return output;
}

Output& standard_error() {
  static Output output(STDERR_FILENO);
  return output;
}

void print_text(std::string_view text) { standard_output().write(core::spelled_out(text, core::Layout::kKept)); }

void print_drawing(std::string_view text) { standard_output().write(text); }

void print_json(const nlohmann::ordered_json& json, int indent) {
  print_json(json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_json(const std::string& text) {
  std::string safe;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte == 0x7F) {
      safe += "\\u007f";
    } else if (byte == 0xC2 && next < 0xA0) {  // C1 in UTF-8; all text is valid here
      safe += fmt::format("\\u00{:02x}", next);
      ++i;
    } else {
      safe += text[i];
    }
  }
  standard_output().write(safe + "\n");
}

void print_records(std::string_view lines) {
  if (isatty(STDOUT_FILENO) == 1) return print_text(lines);
  standard_output().write(lines);
}

namespace {

// Like the streams, of the whole process.
std::string& speaker() {
  static std::string name;
  return name;
}

std::string complaint(const std::string& text) {
  const bool has_frames = text.find("\nframe #") != std::string::npos;
  const std::string message = has_frames ? core::without_stack_frames(text) : text;
  const std::string who = speaker().empty() ? "margay: " : "margay: " + speaker() + ": ";
  return who + core::spelled_out(message, core::Layout::kKept) + "\n";
}

}  // namespace

void set_speaker(const std::string& name) { speaker() = name; }

void complain(const std::string& text) { standard_error().write(complaint(text)); }

void complain_at_once(const std::string& text) {
  Output own(STDERR_FILENO);
  own.write(complaint(text));
}

std::string shown_path(const std::filesystem::path& path) { return core::shown_path(path); }

bool FileOutputs::write(const std::function<void()>& write_file) {
  try {
    write_file();
    return true;
  } catch (const core::Error& error) {
    complain(error.what());
    has_failed_ = true;
    return false;
  }
}

core::ExitCode code_after_output(core::ExitCode code) {
  Output& output = standard_output();
  output.flush();
  if (!output.lost()) return code;
  if (output.is_reader_gone()) return code == core::ExitCode::kDone ? core::ExitCode::kReaderGone : code;
  complain(fmt::format("standard output cannot be written ({})", std::generic_category().message(*output.lost())));
  return code == core::ExitCode::kDone ? core::ExitCode::kFailed : code;
}

}  // namespace margay::cli
