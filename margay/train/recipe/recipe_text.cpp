#include "margay/train/recipe/recipe_text.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/train/schedule/schedule_options.h"

namespace margay::train {
namespace {

/// The tokens of one stage of a recipe's text, read from left to right.
class StageTokens {
 public:
  /// Tokens are separated by spaces, but not next to brackets, commas and equals signs: "slice(1e-6, 1e-4)" is one
  /// token.
  explicit StageTokens(std::string_view text);

  bool is_done() const { return next_ == words_.size(); }
  /// The next token; empty at the end.
  std::string_view peek() const { return is_done() ? std::string_view() : words_[next_]; }
  /// Consumes the next token if it is this one, and returns whether it was.
  bool accept(std::string_view word);
  /// Consumes and returns the next token. Throws as refuse does at the end.
  std::string take(const std::string& expected);
  /// Consumes the next token as an integer. Throws as refuse does if it is not one.
  int take_whole_number(const std::string& expected, const std::vector<std::string>& words = {});
  /// Throws std::invalid_argument, which says what was found, what was expected, and which of `words` was probably
  /// meant.
  [[noreturn]] void refuse(const std::string& expected, const std::vector<std::string>& words = {}) const;

 private:
  std::vector<std::string> words_;
  std::size_t next_ = 0;
};

constexpr std::string_view kWordBlanks = " \t\r\f\v";

/// Whether a blank between these two letters means nothing.
bool holds_together(char before, char after) {
  return std::string_view("(,=").find(before) != std::string_view::npos ||
         std::string_view("(),=").find(after) != std::string_view::npos;
}

StageTokens::StageTokens(std::string_view text) {
  std::string word;
  for (;;) {
    const std::size_t begin = text.find_first_not_of(kWordBlanks);
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(text.find_first_of(kWordBlanks, begin), text.size());
    if (!word.empty() && !holds_together(word.back(), text[begin])) words_.push_back(std::exchange(word, {}));
    word += text.substr(begin, end - begin);
    text.remove_prefix(end);
  }
  if (!word.empty()) words_.push_back(word);
}

bool StageTokens::accept(std::string_view word) {
  if (peek() != word) return false;
  ++next_;
  return true;
}

std::string StageTokens::take(const std::string& expected) {
  if (is_done()) refuse(expected);
  return words_[next_++];
}

int StageTokens::take_whole_number(const std::string& expected, const std::vector<std::string>& words) {
  const std::string_view word = peek();
  int number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (word.empty() || error != std::errc() || end != word.data() + word.size()) refuse(expected, words);
  ++next_;
  return number;
}

void StageTokens::refuse(const std::string& expected, const std::vector<std::string>& words) const {
  const std::string got = is_done() ? "the stage ends" : fmt::format("'{}'", peek());
  const std::string after = next_ == 0 ? "" : fmt::format(" after '{}'", words_[next_ - 1]);
  throw std::invalid_argument(
      fmt::format("{}{} where {} is expected{}", got, after, expected, core::did_you_mean(peek(), words)));
}

constexpr std::string_view kBlanks = " \t\r\f\v";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// Takes off what stands before the first `mark`, or all, and the mark.
std::string_view take_until(std::string_view& text, char mark) {
  const std::size_t end = std::min(text.find(mark), text.size());
  const std::string_view head = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return head;
}

constexpr std::string_view kProbeWord = "probe";

std::optional<int> parse_freeze_to(StageTokens& words) {
  if (words.accept("freeze")) return -1;
  if (words.accept("unfreeze")) return 0;
  if (!words.accept("freeze_to")) return std::nullopt;
  return words.take_whole_number("a group (0 is the first, -1 the last)");
}

std::int64_t parse_epochs(StageTokens& words, bool is_first) {
  const int epochs = is_first ? words.take_whole_number("probe, freeze, unfreeze, freeze_to or a number of epochs",
                                                        {"probe", "freeze", "unfreeze", "freeze_to"})
                              : words.take_whole_number("a number of epochs");
  if (!words.accept("epochs") && !words.accept("epoch")) words.refuse("'epochs'", {"epochs"});
  return epochs;
}

std::optional<int> parse_size(StageTokens& words) {
  if (!words.accept("on")) return std::nullopt;
  const int size = words.take_whole_number("a number of pixels");
  if (!words.accept("pixels")) words.refuse("'pixels'", {"pixels"});
  return size;
}

ScheduleOptions parse_schedule(StageTokens& words) {
  const auto is_option = [](std::string_view word) { return word.find('=') != std::string_view::npos; };
  const std::vector<std::string> kinds = core::all_names<ScheduleKind>();
  ScheduleOptions options;
  if (std::find(kinds.begin(), kinds.end(), words.peek()) != kinds.end()) {
    options.kind = core::from_text<ScheduleKind>(words.take("a schedule"));
  } else if (!words.is_done() && !is_option(words.peek())) {
    words.refuse(fmt::format("a schedule ({}) or OPTION=VALUE", core::joined(kinds, ", ")), kinds);
  }
  while (!words.is_done()) {
    if (!is_option(words.peek())) words.refuse("OPTION=VALUE");
    const std::string word = words.take("an option");
    std::string_view value = word;
    const std::string name(take_until(value, '='));
    set_option(options, name, std::string(value));
  }
  return options;
}

Stage parse_stage(std::string_view text) {
  Stage stage;
  if (text.find(':') != std::string_view::npos) {
    stage.name = trimmed(take_until(text, ':'));
    if (stage.name.empty()) throw std::invalid_argument("there is no name before ':'");
  }
  StageTokens words(text);
  if (words.accept(kProbeWord)) {
    if (!words.is_done()) words.refuse("the end of the stage");
    stage.type = StageKind::kProbe;
    return resolve(std::move(stage));
  }
  stage.freeze_to = parse_freeze_to(words);
  stage.epochs = parse_epochs(words, !stage.freeze_to);
  stage.size = parse_size(words);
  words.accept("at");
  stage.lr = LearningRate::parse(words.take("a learning rate"));
  stage.schedule = parse_schedule(words);
  return resolve(std::move(stage));
}

std::string freeze_text(std::optional<int> freeze_to) {
  if (!freeze_to) return "";
  if (*freeze_to == -1) return "freeze ";
  if (*freeze_to == 0) return "unfreeze ";
  return fmt::format("freeze_to {} ", *freeze_to);
}

std::string stage_text(Stage stage) {
  const std::string given = std::exchange(stage.name, "");
  const std::string usual = resolve(stage).name;
  const std::string name = given.empty() || given == usual ? "" : given + ": ";
  if (stage.type == StageKind::kProbe) return fmt::format("{}{}\n", name, kProbeWord);
  const std::string schedule = schedule_text(stage.schedule);
  const std::string size = stage.size ? fmt::format(" on {} pixels", *stage.size) : "";
  return fmt::format("{}{}{} {}{} at {}{}{}\n", name, freeze_text(stage.freeze_to), stage.epochs,
                     stage.epochs == 1 ? "epoch" : "epochs", size, stage.lr.text(), schedule.empty() ? "" : " ",
                     schedule);
}

}  // namespace

Stages parse_recipe(const std::string& text) {
  Stages recipe;
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    std::string_view line = take_until(rest, '\n');
    line = take_until(line, '#');
    while (!line.empty()) {
      const std::string_view stage = trimmed(take_until(line, ';'));
      if (stage.empty()) continue;
      try {
        recipe.push_back(parse_stage(stage));
      } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(fmt::format("[recipe] line {}: {}", number, error.what()));
      }
    }
  }
  check_order(recipe);
  if (!recipe.empty()) return recipe;
  throw std::invalid_argument("[recipe] there is no stage; write lines such as 'freeze 3 epochs at 3e-3'");
}

std::string recipe_text(const Stages& recipe) {
  std::string text;
  for (const Stage& stage : recipe) text += stage_text(resolve(stage));
  return text;
}

}  // namespace margay::train
