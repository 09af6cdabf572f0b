#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "margay/serve/predictor.h"

namespace margay::cli {

/// A number with this many digits after the point; from a million on, when training has diverged, in scientific
/// notation.
inline std::string number_text(double number, int digits) {
  return std::abs(number) < 1e6 ? fmt::format("{:.{}f}", number, digits) : fmt::format("{:.{}e}", number, digits);
}

/// "margay: warning: …" on stderr.
void warn(const std::string& text);
/// Each of them.
void warn_of_each(const std::vector<std::string>& texts);

/// How progress is shown on stderr.
enum class ProgressStyle {
  kBar,   ///< a line rewritten in place, for a terminal
  kPlain  ///< a line now and then, for a log; short work prints none
};

/// kBar where stderr is a terminal that can rewrite a line and has room for one.
ProgressStyle progress_style();

/// The beginning of a text that fits into one line of the terminal on stderr, cut between letters.
std::string fitted_to_stderr(const std::string& text);

/// Whether a stream goes to a terminal that can clear a line and write it again: one whose TERM is set and not "dumb".
bool can_rewrite_lines(int descriptor);

/// The same, where the user wants colours: NO_COLOR is not set, or empty (https://no-color.org).
bool shows_colours(int descriptor);

/// The width of the terminal at which a stream ends; nothing if there is none, or if it does not say.
std::optional<int> terminal_columns(int descriptor);

/// "[####------] 9/22  57.3 images/s  loss 1.2340  00:14 left", cut where the terminal ends.
class ProgressLine {
 public:
  static constexpr std::chrono::milliseconds kPlainEvery = std::chrono::minutes(1);

  /// plain_every: the least time between two plain lines.
  explicit ProgressLine(ProgressStyle style = progress_style(), std::chrono::milliseconds plain_every = kPlainEvery);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Begins a new task; time left is estimated from here.
  void begin(const std::string& task);
  /// Shows `done` of `total` units; `details` follow the bar. stage_left_s: the remaining time of the stage that this
  /// task is a part of.
  void show(std::int64_t done, std::int64_t total, const std::string& details,
            std::optional<double> stage_left_s = std::nullopt);
  /// Erases the line, so that something else can be printed.
  void clear();

 private:
  void write(const std::string& text);

  ProgressStyle style_;
  std::chrono::milliseconds every_;  ///< no two lines within it
  bool is_shown_ = false;
  std::string task_;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point last_;
};

/// "00:14" or "1:02:03".
std::string clock_text(double seconds);

/// The bar alone: `width` characters, '#' for done.
std::string bar_text(std::int64_t done, std::int64_t total, int width);

/// What a user gave to look at.
struct GivenImages {
  data::PathList images;
  bool are_all = true;  ///< false where a folder holds what looks like an image and is left out
};

/// The arguments with every folder replaced by the images in it. Warns of what is left out.
GivenImages images_of(const std::vector<std::filesystem::path>& arguments);

/// Predictor::predict with a progress line called `task`.
predict::Predictions predict_with_progress(const serve::Predictor& predictor, const data::PathList& images,
                                           const std::string& task);

/// Predictor::stream with such a progress line.
void stream_with_progress(const serve::Predictor& predictor, std::shared_ptr<const data::Dataset> images,
                          const predict::PredictionSink& sink, const std::string& task);

}  // namespace margay::cli
