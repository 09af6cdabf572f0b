#include "margay/data/source/split_word.h"

#include <algorithm>
#include <array>
#include <string>

#include "margay/core/unicode.h"

namespace margay::data {
namespace {

struct SplitName {
  std::string_view word;
  SplitPart part;
};

/// Hugging Face's data sets have the same words, and take "eval" for the test as well.
constexpr std::array kSplitNames = {
    SplitName{"train", SplitPart::kTrain},       SplitName{"training", SplitPart::kTrain},
    SplitName{"trn", SplitPart::kTrain},         SplitName{"valid", SplitPart::kValid},
    SplitName{"validation", SplitPart::kValid},  SplitName{"validate", SplitPart::kValid},
    SplitName{"val", SplitPart::kValid},         SplitName{"dev", SplitPart::kValid},
    SplitName{"development", SplitPart::kValid}, SplitName{"test", SplitPart::kTest},
    SplitName{"testing", SplitPart::kTest},      SplitName{"tst", SplitPart::kTest},
    SplitName{"eval", SplitPart::kTest},         SplitName{"evaluation", SplitPart::kTest},
    SplitName{"holdout", SplitPart::kTest}};

constexpr std::array<std::string_view, 7> kAfterIt = {"set", "split", "data", "dataset", "images", "imgs", "image"};

/// Small letters without what stands between words, and without digits at the end.
std::string bare_word(std::string_view name) {
  std::string word = core::folded(name);
  std::erase_if(word, [](char c) { return c == ' ' || c == '_' || c == '-' || c == '.'; });
  const std::size_t last = word.find_last_not_of("0123456789");
  return last == std::string::npos ? "" : word.substr(0, last + 1);
}

std::optional<SplitPart> part_called(std::string_view word) {
  const auto* const found =
      std::find_if(kSplitNames.begin(), kSplitNames.end(), [&](const SplitName& each) { return each.word == word; });
  return found == kSplitNames.end() ? std::nullopt : std::optional(found->part);
}

}  // namespace

std::optional<SplitPart> split_word(std::string_view name) {
  const std::string word = bare_word(name);
  if (const auto part = part_called(word)) return part;
  for (const std::string_view end : kAfterIt) {
    if (!word.ends_with(end)) continue;
    if (const auto part = part_called(std::string_view(word).substr(0, word.size() - end.size()))) return part;
  }
  return std::nullopt;
}

}  // namespace margay::data
