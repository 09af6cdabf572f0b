#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json_fwd.hpp>

#include "margay/core/error.h"

namespace margay::cli {

/// A stream that every command writes to, through these functions alone. Only whole lines are written, each as soon as
/// it ends, so that whoever reads the output, or the file that it goes to, has no half line when the program is killed.
/// Writing never throws and never ends the program: a training must go on when its log can no longer be written.
class Output {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) {}

  /// What cannot be written is dropped; lost() then says why.
  void write(std::string_view text);
  /// Writes at once, line or not: a progress line that is written over and over.
  void write_at_once(std::string_view text);
  /// Writes a last line that has no line break.
  void flush();

  /// The errno of the first line that could not be written.
  std::optional<int> lost() const { return lost_; }
  /// Whether the reader has ended, so that no later line can be read either.
  bool is_reader_gone() const;
  /// Forgets what was lost: for the next command in the same process.
  void reset();
  /// Drops all that is written until the next reset(): of several processes one writes.
  void mute() { is_muted_ = true; }

 private:
  void write_lines(std::string_view lines);

  int descriptor_;
  bool is_muted_ = false;
  std::string unfinished_;  ///< the beginning of a line
  std::optional<int> lost_;
};

/// Standard output: what a command was asked for.
Output& standard_output();
/// Standard error: warnings, errors, progress.
Output& standard_error();

/// Writes text for people to standard output. Control characters other than line breaks and tabs are spelled out, so
/// that no name in it can command a terminal.
void print_text(std::string_view text);

/// print_text with fmt's placeholders.
template <class... T>
void print_out(fmt::format_string<T...> format, T&&... arguments) {
  print_text(fmt::format(format, std::forward<T>(arguments)...));
}

/// Writes text that commands the terminal itself: a drawing in colours.
void print_drawing(std::string_view text);

/// Writes a document for programs, and a line break. indent: as json::dump takes it. Bytes that are not UTF-8 become
/// replacement characters, and control characters are escaped, also those that JSON allows.
void print_json(const nlohmann::ordered_json& json, int indent = 2);
/// The same for a document that is text already, valid UTF-8.
void print_json(const std::string& document);

/// Writes lines for programs, such as CSV, whose names must be what they are; on a terminal as print_text.
void print_records(std::string_view lines);

/// What stands before everything that this process complains of from now on, where several work together: "rank 1
/// (node01)"; "": nothing.
void set_speaker(const std::string& speaker);

/// "margay: TEXT" on standard error, control characters spelled out, without LibTorch's stack frames.
void complain(const std::string& text);
/// The same for a thread that ends the program while others may be writing.
void complain_at_once(const std::string& text);

/// A path within text for people: on one line, control characters spelled out. (core::shell_word: for a command.)
std::string shown_path(const std::filesystem::path& path);

/// Writes the files of a command whose result is worth printing without them: one that cannot be written is complained
/// of, and the command goes on.
class FileOutputs {
 public:
  /// Whether the file could be written. Throws what is not core::Error.
  bool write(const std::function<void()>& write_file);
  /// kFailed if a file is missing.
  core::ExitCode code() const { return has_failed_ ? core::ExitCode::kFailed : core::ExitCode::kDone; }

 private:
  bool has_failed_ = false;
};

/// The exit code of a command that would end with `code`, given what became of its output: kReaderGone, without a word,
/// if the reader has ended; kFailed with a message if the output could not be written.
core::ExitCode code_after_output(core::ExitCode code);

}  // namespace margay::cli
