#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace margay::cli {

/// "[#######---------]  41% 9/22 batches  57.3 images/s  loss 1.234  00:14 left" rewritten in place on a terminal.
/// Where stderr is no terminal, nothing.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Begins a new task; time left is reckoned from here.
  void begin(const std::string& task);
  /// done of total units; `details` follow the bar.
  void show(std::int64_t done, std::int64_t total, const std::string& details);
  /// Wipes the line, so that something else can be printed.
  void clear();

 private:
  bool is_terminal_;
  bool is_shown_ = false;
  std::string task_;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point last_;
};

/// "00:14" or "1:02:03".
std::string clock_text(double seconds);

/// The bar alone: `width` characters, '#' for done.
std::string bar_text(std::int64_t done, std::int64_t total, int width);

}  // namespace margay::cli
