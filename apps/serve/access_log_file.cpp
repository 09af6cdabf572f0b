#include "apps/serve/access_log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"

namespace margay::routes {
namespace {

constexpr std::size_t kWaitingLines = 10'000;

int open_log(const std::filesystem::path& path) {
  const bool is_standard_error = path == "-";
  const int descriptor = is_standard_error ? ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                                           : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (descriptor < 0) throw core::IoError(path, "the access log cannot be opened", errno);
  return descriptor;
}

/// 0 if all of it was written, else errno.
int write_line(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

AccessLogFile::AccessLogFile(std::filesystem::path path)
    : path_(std::move(path)), descriptor_(open_log(path_)), writer_(kWaitingLines) {}

AccessLogFile::~AccessLogFile() {
  writer_.wait_until_done();
  ::close(descriptor_);
}

void AccessLogFile::write(std::string line) {
  if (!writer_.post([this, line = std::move(line)] { write_now(line); })) ++lost_;
}

void AccessLogFile::write_now(const std::string& line) {
  const std::int64_t lost = lost_.exchange(0);
  if (lost > 0 && write_line(descriptor_, fmt::format("{{\"lost_lines\":{}}}\n", lost)) != 0) lost_ += lost;
  write_error_ = write_line(descriptor_, line + "\n");
  if (write_error_ != 0) ++lost_;
}

void AccessLogFile::reopen() {
  const int opened = open_log(path_);
  // The writer may be about to write to the old one, so it is exchanged in its turn.
  const bool is_posted = writer_.post([this, opened] { ::close(descriptor_.exchange(opened)); });
  if (!is_posted) ::close(opened);
}

}  // namespace margay::routes
