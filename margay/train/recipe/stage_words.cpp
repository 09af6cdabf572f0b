#include "margay/train/recipe/stage_words.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "margay/core/nearest.h"

namespace margay::train {
namespace {

constexpr std::string_view kWordBlanks = " \t\r\f\v";

/// Whether a blank between these two letters means nothing.
bool holds_together(char before, char after) {
  return std::string_view("(,=").find(before) != std::string_view::npos ||
         std::string_view("(),=").find(after) != std::string_view::npos;
}

}  // namespace

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

}  // namespace margay::train
