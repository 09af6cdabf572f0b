#include "apps/cli/progress_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace margay::cli {

using Clock = std::chrono::steady_clock;

std::string clock_text(double seconds) {
  const auto total = static_cast<std::int64_t>(seconds + 0.5);
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{:02}:{:02}", total / 60, total % 60);
}

std::string bar_text(std::int64_t done, std::int64_t total, int width) {
  const double share = total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0) : 0.0;
  const auto filled = static_cast<std::size_t>(share * width);
  return std::string(filled, '#') + std::string(static_cast<std::size_t>(width) - filled, '-');
}

ProgressLine::ProgressLine() : is_terminal_(isatty(STDERR_FILENO) == 1), begin_(Clock::now()), last_(begin_) {}

void ProgressLine::begin(const std::string& task) {
  task_ = task;
  begin_ = Clock::now();
  last_ = begin_ - std::chrono::seconds(1);
}

void ProgressLine::show(std::int64_t done, std::int64_t total, const std::string& details) {
  constexpr auto kRefresh = std::chrono::milliseconds(100);
  const auto now = Clock::now();
  if (!is_terminal_ || total <= 0 || (now - last_ < kRefresh && done < total)) return;
  last_ = now;
  const double elapsed_s = std::chrono::duration<double>(now - begin_).count();
  const double left_s = done > 0 ? elapsed_s / static_cast<double>(done) * static_cast<double>(total - done) : 0;
  fmt::print(stderr, "\r\x1b[K{} [{}] {:3}%  {}/{}  {}  {} left", task_, bar_text(done, total, 24), done * 100 / total,
             done, total, details, clock_text(left_s));
  std::fflush(stderr);
  is_shown_ = true;
}

void ProgressLine::clear() {
  if (!is_shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  is_shown_ = false;
}

}  // namespace margay::cli
