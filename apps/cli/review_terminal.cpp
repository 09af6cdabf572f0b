#include "apps/cli/review_terminal.h"

#include <stdexcept>

#include <fmt/format.h>

#include "apps/cli/program_words.h"
#include "apps/cli/review_screen.h"
#include "apps/cli/review_text.h"
#include "apps/cli/terminal_session.h"
#include "margay/data/image/image_source.h"

namespace margay::cli {
namespace {

/// The loop of a review: a screen, a key, what it does.
class TerminalReview {
 public:
  TerminalReview(run::Review& review, ImageStyle style, int deep_bits)
      : review_(review), style_(session_.choose_style(style)), deep_bits_(deep_bits) {}

  core::ExitCode run() {
    while (const auto& entry = review_.next()) {
      draw(*entry);
      const Key key = session_.read_key();
      if (key.kind == Key::Kind::kInterrupt) return core::ExitCode::kInterrupted;
      if (key.kind == Key::Kind::kEnd || key.is('q')) return core::ExitCode::kDone;
      if (key.kind == Key::Kind::kResized) continue;
      if (key.kind == Key::Kind::kSuspend) {
        session_.suspend();
        continue;
      }
      message_.clear();
      shows_help_ = key.is('?') && !shows_help_;
      take(key, *entry);
    }
    return core::ExitCode::kDone;
  }

 private:
  void load(const run::ReviewEntry& entry) {
    const std::pair wanted(entry.image, entry.others.empty() ? entry.image : entry.others.front());
    if (!images_.empty() && loaded_ == wanted) return;
    images_.clear();
    images_.push_back(read(wanted.first));
    if (wanted.second != wanted.first) images_.push_back(read(wanted.second));
    loaded_ = wanted;
  }

  /// A screen has few pixels, so JPEGs are decoded small.
  ShownImage read(std::size_t image) const {
    constexpr int kEnoughPixels = 800;
    try {
      return {data::read_image(review_.data().images[image], {.min_side = kEnoughPixels, .deep_bits = deep_bits_})};
    } catch (const core::Error& error) {
      return {std::nullopt, error.what()};
    }
  }

  void draw(const run::ReviewEntry& entry, const ClassPrompt* prompt = nullptr) {
    load(entry);
    const ReviewScreen screen{.review = review_,
                              .entry = entry,
                              .images = images_,
                              .style = style_,
                              .message = message_,
                              .prompt = prompt,
                              .shows_help = shows_help_};
    session_.show(screen.text(session_.area()));
  }

  void take(const Key& key, const run::ReviewEntry& entry) {
    if (key.is('k')) decide({data::DecisionKind::kKeep});
    if (key.is('d')) decide({data::DecisionKind::kDelete});
    if (key.is('s')) decide({data::DecisionKind::kSkip});
    if (key.is('n')) decide({data::DecisionKind::kNotDuplicate});
    if (key.is('a')) accept(entry);
    if (key.is('r')) relabel(entry);
    if (key.is('u')) undo();
  }

  void accept(const run::ReviewEntry& entry) {
    if (entry.suggestion.empty()) {
      message_ = "no label is suggested; r relabels";
    } else {
      decide({data::DecisionKind::kRelabel, entry.suggestion});
    }
  }

  void relabel(const run::ReviewEntry& entry) {
    ClassPrompt prompt(review_.data().classes, review_.data().labeller.task == data::Task::kMultiLabel,
                       entry.suggestion);
    auto state = ClassPrompt::State::kOpen;
    while (state == ClassPrompt::State::kOpen) {
      draw(entry, &prompt);
      const Key key = session_.read_key();
      if (key.kind == Key::Kind::kSuspend) session_.suspend();
      state = prompt.take(key);
    }
    if (state == ClassPrompt::State::kChosen) decide({data::DecisionKind::kRelabel, prompt.chosen()});
  }

  /// What cannot be written stays to be decided.
  void decide(const run::ReviewChoice& choice) {
    try {
      review_.decide(choice);
    } catch (const core::Error& error) {
      message_ = fmt::format("NOT DECIDED: {}", program_words(error.what()));
    } catch (const std::invalid_argument& error) {
      const std::string what = error.what();  // "[Review] …", but the line is short and the place known
      message_ = program_words(what.starts_with('[') ? what.substr(what.find("] ") + 2) : what);
    }
  }

  void undo() {
    try {
      const auto undone = review_.undo();
      message_ =
          undone ? fmt::format("undone: number {}, {}", undone->number, undone->image) : "there is nothing to undo";
    } catch (const core::Error& error) {
      message_ = fmt::format("NOT UNDONE: {}", program_words(error.what()));
    }
  }

  run::Review& review_;
  TerminalSession session_;
  ImageStyle style_;
  int deep_bits_;
  std::vector<ShownImage> images_;
  std::pair<std::size_t, std::size_t> loaded_;
  std::string message_;
  bool shows_help_ = false;
};

}  // namespace

core::ExitCode review_in_terminal(run::Review& review, ImageStyle style, int deep_bits) {
  return TerminalReview(review, style, deep_bits).run();
}

}  // namespace margay::cli
