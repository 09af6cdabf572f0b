#include "margay/data/source/part_names.h"

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <vector>

#include "margay/core/text.h"
#include "margay/core/unicode.h"

namespace margay::data {
namespace {

/// A word of names, and what it says.
struct PartWord {
  std::string_view word;
  SplitPart part;
};

/// Hugging Face's data sets have the same words, and take "eval" for the test as well.
constexpr std::array kPartWords = {PartWord{"train", SplitPart::kTrain},       PartWord{"training", SplitPart::kTrain},
                                   PartWord{"trn", SplitPart::kTrain},         PartWord{"valid", SplitPart::kValid},
                                   PartWord{"validation", SplitPart::kValid},  PartWord{"validate", SplitPart::kValid},
                                   PartWord{"val", SplitPart::kValid},         PartWord{"dev", SplitPart::kValid},
                                   PartWord{"development", SplitPart::kValid}, PartWord{"test", SplitPart::kTest},
                                   PartWord{"testing", SplitPart::kTest},      PartWord{"tst", SplitPart::kTest},
                                   PartWord{"eval", SplitPart::kTest},         PartWord{"evaluation", SplitPart::kTest},
                                   PartWord{"holdout", SplitPart::kTest}};

constexpr std::array<std::string_view, 7> kAfterIt = {"set", "split", "data", "dataset", "images", "imgs", "image"};

/// Small letters without what stands between words, and without digits at the end.
std::string bare_word(std::string_view name) {
  std::string word = core::folded(name);
  std::erase_if(word, [](char c) { return c == ' ' || c == '_' || c == '-' || c == '.'; });
  const std::size_t last = word.find_last_not_of("0123456789");
  return last == std::string::npos ? "" : word.substr(0, last + 1);
}

std::optional<SplitPart> part_among(std::span<const PartWord> words, std::string_view word) {
  const auto found = std::find_if(words.begin(), words.end(), [&](const PartWord& each) { return each.word == word; });
  return found == words.end() ? std::nullopt : std::optional(found->part);
}

}  // namespace

std::optional<SplitPart> split_word(std::string_view name) {
  const std::string word = bare_word(name);
  if (const auto part = part_among(kPartWords, word)) return part;
  for (const std::string_view end : kAfterIt) {
    if (!word.ends_with(end)) continue;
    const std::string_view before = std::string_view(word).substr(0, word.size() - end.size());
    if (const auto part = part_among(kPartWords, before)) return part;
  }
  return std::nullopt;
}

namespace {

// What folders are called besides the words that tables have, too.
constexpr std::array kFolderWords = {PartWord{"trainval", SplitPart::kTrain}, PartWord{"devel", SplitPart::kValid},
                                     PartWord{"prediction", SplitPart::kTest},
                                     PartWord{"predictions", SplitPart::kTest}, PartWord{"pred", SplitPart::kTest}};

constexpr std::array<std::string_view, 26> kFillers = {
    "set",  "sets",   "data",  "dataset", "datasets", "image",    "images", "img",      "imgs",
    "pic",  "pics",   "photo", "photos",  "picture",  "pictures", "sample", "samples",  "subset",
    "part", "folder", "dir",   "file",    "files",    "split",    "splits", "partition"};

constexpr std::array<std::string_view, 4> kSplitWords = {"split", "splits", "partition", "partitions"};

enum class LetterKind { kSeparator, kDigit, kCapital, kLetter };

/// Bytes of other alphabets are letters.
LetterKind letter_kind(char c) {
  if (c >= '0' && c <= '9') return LetterKind::kDigit;
  if (c >= 'A' && c <= 'Z') return LetterKind::kCapital;
  const bool is_letter = (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
  return is_letter ? LetterKind::kLetter : LetterKind::kSeparator;
}

/// Whether a word ends between two letters: "train|Set", "val|2017".
bool is_word_end(LetterKind before, LetterKind after) {
  if (before == after) return false;
  return !(before == LetterKind::kCapital && after == LetterKind::kLetter);
}

/// In lower case: "train", "set", "2" of "Train_Set2".
std::vector<std::string> words_of_name(std::string_view name) {
  std::vector<std::string> words;
  LetterKind before = LetterKind::kSeparator;
  for (const char c : name) {
    const LetterKind kind = letter_kind(c);
    if (kind != LetterKind::kSeparator) {
      if (is_word_end(before, kind)) words.emplace_back();
      words.back() += core::lower_case(c);
    }
    before = kind;
  }
  return words;
}

template <class Words>
bool is_listed(std::string_view word, const Words& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_all_digits(std::string_view word) { return word.find_first_not_of("0123456789") == std::string_view::npos; }

/// Of "train", and of "trainset", which is written in one.
std::optional<SplitPart> part_of_word(std::string_view word) {
  if (const auto part = part_among(kFolderWords, word)) return part;
  return is_all_digits(word) ? std::nullopt : split_word(word);
}

std::vector<SplitPart> parts_in(std::span<const std::string> words) {
  std::vector<SplitPart> parts;
  for (const std::string& word : words) {
    if (const auto part = part_of_word(word)) parts.push_back(*part);
  }
  return parts;
}

/// The words that say neither the part nor nothing. A number counts where it stands before the part.
std::string rest_of(std::span<const std::string> words) {
  std::string rest;
  bool is_behind = false;
  for (const std::string& word : words) {
    is_behind |= part_of_word(word).has_value();
    if (part_of_word(word) || is_listed(word, kFillers) || (is_behind && is_all_digits(word))) continue;
    rest += (rest.empty() ? "" : " ") + word;
  }
  return rest;
}

}  // namespace

std::optional<PartName> part_of_name(std::string_view name) {
  const std::vector<std::string> words = words_of_name(name);
  const std::vector<SplitPart> parts = parts_in(words);
  const bool is_both = parts == std::vector{SplitPart::kTrain, SplitPart::kValid};  // Pascal's "train_val"
  if (parts.size() != 1 && !is_both) return std::nullopt;
  return PartName{parts.front(), rest_of(words)};
}

bool names_a_split(std::string_view name) {
  const std::vector<std::string> words = words_of_name(name);
  const std::vector<SplitPart> parts = parts_in(words);
  const bool has_several = std::adjacent_find(parts.begin(), parts.end(), std::not_equal_to<>()) != parts.end();
  return has_several ||
         std::any_of(words.begin(), words.end(), [](const std::string& word) { return is_listed(word, kSplitWords); });
}

bool names_a_fold(std::string_view name) {
  const std::vector<std::string> words = words_of_name(name);
  return words.size() == 2 && words[0] == "fold" && is_all_digits(words[1]);
}

}  // namespace margay::data
