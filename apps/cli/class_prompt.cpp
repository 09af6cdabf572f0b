#include "apps/cli/class_prompt.h"

#include <algorithm>

#include "margay/core/unicode.h"

namespace margay::cli {
namespace {

constexpr int kNoMatch = 4;

bool holds_in_order(std::string_view name, std::string_view letters) {
  std::size_t at = 0;
  for (const char letter : letters) {
    at = name.find(letter, at);
    if (at == std::string_view::npos) return false;
    ++at;
  }
  return true;
}

bool has_word_with(std::string_view name, std::string_view beginning) {
  for (std::size_t at = name.find(beginning); at != std::string_view::npos; at = name.find(beginning, at + 1)) {
    if (at == 0 || std::string_view(" _-./").find(name[at - 1]) != std::string_view::npos) return true;
  }
  return false;
}

/// 0 for the best match … kNoMatch. Both are folded.
int match_rank(std::string_view name, std::string_view typed) {
  if (name.starts_with(typed)) return 0;
  if (has_word_with(name, typed)) return 1;
  if (name.find(typed) != std::string_view::npos) return 2;
  return holds_in_order(name, typed) ? 3 : kNoMatch;
}

/// Without its last code point.
std::string without_last_character(std::string text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U) text.pop_back();
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace

ClassPrompt::ClassPrompt(std::vector<std::string> classes, bool takes_several,
                         const std::vector<std::string>& suggestion)
    : classes_(std::move(classes)), takes_several_(takes_several), suggestion_(suggestion) {
  folded_.reserve(classes_.size());
  for (const std::string& name : classes_) folded_.push_back(core::folded(name));
  find_matches();
}

void ClassPrompt::find_matches() {
  const std::string typed = core::folded(typed_);
  std::vector<std::pair<int, std::size_t>> ranked;
  for (std::size_t k = 0; k < classes_.size(); ++k) {
    const bool is_taken = std::find(completed_.begin(), completed_.end(), classes_[k]) != completed_.end();
    const bool is_suggested = std::find(suggestion_.begin(), suggestion_.end(), classes_[k]) != suggestion_.end();
    const int rank = typed.empty() ? (is_suggested ? -1 : 0) : match_rank(folded_[k], typed);
    if (rank < kNoMatch && !is_taken) ranked.emplace_back(typed == folded_[k] ? -1 : rank, k);
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  matches_.clear();
  for (const auto& [rank, k] : ranked) matches_.push_back(classes_[k]);
  highlighted_ = 0;
}

bool ClassPrompt::complete() {
  if (matches_.empty()) return false;
  completed_.push_back(matches_[highlighted_]);
  typed_.clear();
  find_matches();
  return true;
}

/// With several labels, enter on an empty line ends the list.
ClassPrompt::State ClassPrompt::choose() {
  const bool ends_list = takes_several_ && typed_.empty() && !completed_.empty();
  if (!ends_list && !complete()) return State::kOpen;
  return State::kChosen;
}

ClassPrompt::State ClassPrompt::take(const Key& key) {
  switch (key.kind) {
    case Key::Kind::kText:
      if (takes_several_ && key.text == ";") {
        complete();
        break;
      }
      typed_ += key.text;
      find_matches();
      break;
    case Key::Kind::kBackspace:
      if (typed_.empty() && !completed_.empty()) completed_.pop_back();
      typed_ = without_last_character(typed_);
      find_matches();
      break;
    case Key::Kind::kTab:
      if (takes_several_) {
        complete();
      } else if (!matches_.empty()) {
        typed_ = matches_[highlighted_];
        find_matches();
      }
      break;
    case Key::Kind::kUp:
      if (highlighted_ > 0) --highlighted_;
      break;
    case Key::Kind::kDown:
      if (highlighted_ + 1 < matches_.size()) ++highlighted_;
      break;
    case Key::Kind::kEnter:
      return choose();
    case Key::Kind::kEscape:
    case Key::Kind::kInterrupt:
    case Key::Kind::kEnd:
      return State::kCancelled;
    default:
      break;
  }
  return State::kOpen;
}

}  // namespace margay::cli
