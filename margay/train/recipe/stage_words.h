#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace margay::train {

/// The words of one stage of a recipe's text, read from left to right.
class StageTokens {
 public:
  /// Blanks part words, but not beside brackets, commas and equals signs: "slice(1e-6, 1e-4)" is one word.
  explicit StageTokens(std::string_view text);

  bool is_done() const { return next_ == words_.size(); }
  /// The next word; empty at the end.
  std::string_view peek() const { return is_done() ? std::string_view() : words_[next_]; }
  /// Goes past the next word if it is this one.
  bool accept(std::string_view word);
  /// The next word, going past it. Throws as refuse does at the end.
  std::string take(const std::string& expected);
  /// The next word as a whole number. Throws as refuse does when it is none.
  int take_whole_number(const std::string& expected, const std::vector<std::string>& words = {});
  /// Throws std::invalid_argument: what stands here, what should, and which of `words` was probably meant.
  [[noreturn]] void refuse(const std::string& expected, const std::vector<std::string>& words = {}) const;

 private:
  std::vector<std::string> words_;
  std::size_t next_ = 0;
};

}  // namespace margay::train
