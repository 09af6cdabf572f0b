#include "margay/train/recipe/recipe_text.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/train/recipe/schedule_text.h"
#include "margay/train/recipe/stage_words.h"

namespace margay::train {
namespace {

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

std::optional<int> parse_freeze_to(StageTokens& words) {
  if (words.accept("freeze")) return -1;
  if (words.accept("unfreeze")) return 0;
  if (!words.accept("freeze_to")) return std::nullopt;
  return words.take_whole_number("a group (0 is the first, -1 the last)");
}

std::int64_t parse_epochs(StageTokens& words, bool is_first) {
  const int epochs = is_first ? words.take_whole_number("freeze, unfreeze, freeze_to or a number of epochs",
                                                        {"freeze", "unfreeze", "freeze_to"})
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
    words.refuse(fmt::format("a schedule ({}) or OPTION=VALUE", fmt::join(kinds, ", ")), kinds);
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
  if (!recipe.empty()) return recipe;
  throw std::invalid_argument("[recipe] there is no stage; write lines such as 'freeze 3 epochs at 3e-3'");
}

std::string recipe_text(const Stages& recipe) {
  std::string text;
  for (const Stage& stage : recipe) text += stage_text(resolve(stage));
  return text;
}

}  // namespace margay::train
