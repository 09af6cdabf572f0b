#include "apps/cli/progress_line.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

#include "apps/cli/output.h"
#include "apps/cli/program_words.h"
#include "margay/core/text.h"
#include "margay/data/source/image_files.h"

namespace margay::cli {

void warn(const std::string& text) { complain("warning: " + program_words(text)); }

void warn_of_each(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) warn(text);
}

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kRefresh = std::chrono::milliseconds(100);
constexpr int kBarWidth = 10;

/// A line that is longer would go on in the next one, and could not be wiped.
std::size_t stderr_columns() {
  constexpr std::size_t kDefault = 110;
  const int columns = terminal_columns(STDERR_FILENO).value_or(0);
  return columns > 1 ? static_cast<std::size_t>(columns) : kDefault;
}

}  // namespace

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

std::string fitted_to_stderr(const std::string& text) { return core::fitted(text, stderr_columns() - 1); }

bool can_rewrite_lines(int descriptor) {
  const char* kind = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
  return isatty(descriptor) == 1 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

bool shows_colours(int descriptor) {
  const char* unwanted = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  return can_rewrite_lines(descriptor) && (unwanted == nullptr || *unwanted == '\0');
}

std::optional<int> terminal_columns(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

ProgressStyle progress_style() {
  constexpr int kFewest = 20;  // in fewer there is no room for a bar
  const bool has_room = terminal_columns(STDERR_FILENO).value_or(kFewest) >= kFewest;
  return has_room && can_rewrite_lines(STDERR_FILENO) ? ProgressStyle::kBar : ProgressStyle::kPlain;
}

ProgressLine::ProgressLine(ProgressStyle style, std::chrono::milliseconds plain_every)
    : style_(style),
      every_(style == ProgressStyle::kBar ? kRefresh : plain_every),
      begin_(Clock::now()),
      last_(begin_) {}

void ProgressLine::begin(const std::string& task) {
  task_ = task;
  begin_ = Clock::now();
  if (style_ == ProgressStyle::kBar) last_ = begin_ - every_;
}

void ProgressLine::show(std::int64_t done, std::int64_t total, const std::string& details,
                        std::optional<double> stage_left_s) {
  const auto now = Clock::now();
  const bool is_end_of_bar = style_ == ProgressStyle::kBar && done >= total;
  if (total <= 0 || (now - last_ < every_ && !is_end_of_bar)) return;
  last_ = now;
  const double elapsed_s = std::chrono::duration<double>(now - begin_).count();
  const double left_s = done > 0 ? elapsed_s / static_cast<double>(done) * static_cast<double>(total - done) : 0;
  const std::string bar = style_ == ProgressStyle::kBar ? fmt::format(" [{}]", bar_text(done, total, kBarWidth)) : "";
  const std::string stage = stage_left_s ? fmt::format(", stage {}", clock_text(*stage_left_s)) : "";
  write(fmt::format("{}{} {}/{}  {}  {} left{}", task_, bar, done, total, details, clock_text(left_s), stage));
}

void ProgressLine::write(const std::string& text) {
  if (style_ == ProgressStyle::kPlain) {
    standard_error().write(core::spelled_out(text) + "\n");
    return;
  }
  standard_error().write_at_once("\r\x1b[K" + fitted_to_stderr(core::spelled_out(text)));
  is_shown_ = true;
}

/// What is printed then is a sign of life, too.
void ProgressLine::clear() {
  if (style_ == ProgressStyle::kPlain) last_ = Clock::now();
  if (!is_shown_) return;
  standard_error().write_at_once("\r\x1b[K");
  is_shown_ = false;
}

namespace fs = std::filesystem;

GivenImages images_of(const std::vector<fs::path>& arguments) {
  GivenImages given;
  for (const fs::path& argument : arguments) {
    if (fs::is_directory(argument)) {
      const data::ImageSearch search = data::search_images(argument);
      data::check_all_open(search);
      warn_of_each(search.left_out.sentences());
      given.images.append(search.images);
      given.are_all = given.are_all && !search.left_out.holds_images();
    } else {
      given.images.add(argument.native());
    }
  }
  return given;
}

namespace {

serve::Predictor::OnProgress shown_on(ProgressLine& line) {
  return [&line](std::size_t done, std::size_t total) {
    line.show(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "images");
  };
}

}  // namespace

predict::Predictions predict_with_progress(const serve::Predictor& predictor, const data::PathList& images,
                                           const std::string& task) {
  ProgressLine line;
  line.begin(task);
  return predictor.predict(images, shown_on(line));
}

void stream_with_progress(const serve::Predictor& predictor, std::shared_ptr<const data::Dataset> images,
                          const predict::PredictionSink& sink, const std::string& task) {
  ProgressLine line;
  line.begin(task);
  const auto print = [&](predict::Predictions&& batch) {
    line.clear();  // it must not stand between the lines that the sink prints
    sink(std::move(batch));
  };
  predictor.stream(std::move(images), print, shown_on(line));
}

}  // namespace margay::cli
