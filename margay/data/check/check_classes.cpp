#include "margay/data/check/check_classes.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/core/error.h"
#include "margay/data/check/check_images.h"

namespace margay::data {
namespace {

/// The code points of UTF-8; nothing for bytes that are not.
std::optional<std::u32string> decoded(std::string_view text) {
  std::u32string points;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 0;
    if (length == 0 || i + length > text.size()) return std::nullopt;
    char32_t point = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<std::uint8_t>(text[i + k]);
      if ((byte & 0xC0U) != 0x80) return std::nullopt;
      point = (point << 6U) | (byte & 0x3FU);
    }
    points += point;
    i += length;
  }
  return points;
}

void append_utf8(char32_t point, std::string& text) {
  const auto byte = [&](char32_t value) { text += static_cast<char>(static_cast<std::uint8_t>(value)); };
  if (point < 0x80) return byte(point);
  const int tails = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  constexpr char32_t kLeads[] = {0xC0, 0xE0, 0xF0};
  byte(kLeads[tails - 1] | (point >> (6 * tails)));
  for (int k = tails - 1; k >= 0; --k) byte(0x80U | ((point >> (6 * k)) & 0x3FU));
}

char32_t small_letter(char32_t c) {
  const auto in = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (in(U'A', U'Z') || (in(0xC0, 0xDE) && c != 0xD7) || in(0x391, 0x3A9) || in(0x410, 0x42F)) return c + 32;
  if (in(0x400, 0x40F)) return c + 80;
  if (in(0x100, 0x137) || in(0x14A, 0x177)) return c | 1U;
  if (in(0x139, 0x148) || in(0x179, 0x17E)) return c % 2 == 1 ? c + 1 : c;
  return c;
}

bool is_blank(char32_t c) {
  return c <= U' ' || c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_joint(char32_t c) { return c == U'_' || c == U'-' || c == 0x2010 || c == 0x2011; }

bool has_no_width(char32_t c) { return (c >= 0x200B && c <= 0x200F) || c == 0x2060 || c == 0xFEFF || c == 0xAD; }

/// Small letters that stand with one combining accent, and what they are together.
struct Accent {
  char32_t mark;
  std::u32string_view bare;
  std::u32string_view accented;
};
constexpr Accent kAccents[] = {{0x300, U"aeiou", U"àèìòù"},
                               {0x301, U"aeiouyclnrsz", U"áéíóúýćĺńŕśź"},
                               {0x302, U"aeiouwygs", U"âêîôûŵŷĝŝ"},
                               {0x303, U"anoiu", U"ãñõĩũ"},
                               {0x304, U"aeiou", U"āēīōū"},
                               {0x306, U"agui", U"ăğŭĭ"},
                               {0x306, U"иу", U"йў"},
                               {0x307, U"ezcg", U"ėżċġ"},
                               {0x308, U"aeiouy", U"äëïöüÿ"},
                               {0x308, U"еі", U"ёї"},
                               {0x30A, U"au", U"åů"},
                               {0x30B, U"ou", U"őű"},
                               {0x30C, U"cdenrstz", U"čďěňřšťž"},
                               {0x327, U"cst", U"çşţ"},
                               {0x328, U"aeiu", U"ąęįų"}};

/// Nothing where the two are no letter of the table.
std::optional<char32_t> composed(char32_t letter, char32_t mark) {
  for (const Accent& accent : kAccents) {
    const std::size_t at = accent.mark == mark ? accent.bare.find(letter) : std::u32string_view::npos;
    if (at != std::u32string_view::npos) return accent.accented[at];
  }
  return std::nullopt;
}

/// In small letters, every blank a space.
std::u32string visible(const std::u32string& points) {
  std::u32string text;
  for (const char32_t point : points) {
    if (!has_no_width(point)) text += is_blank(point) ? U' ' : small_letter(point);
  }
  return text;
}

/// '_' and '-' between two words become a space. Elsewhere they may mean something: -1 is not 1.
std::u32string without_joints(std::u32string text) {
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    end = begin + 1;
    if (!is_joint(text[begin])) continue;
    while (end < text.size() && is_joint(text[end])) ++end;
    const bool is_between = begin > 0 && text[begin - 1] != U' ' && end < text.size() && text[end] != U' ';
    if (is_between)
      std::fill(text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + static_cast<std::ptrdiff_t>(end),
                U' ');
  }
  return text;
}

}  // namespace

std::string folded_name(std::string_view name) {
  const std::optional<std::u32string> points = decoded(name);
  if (!points) return std::string(name);
  std::u32string folded;
  for (const char32_t c : without_joints(visible(*points))) {
    if (c == U' ' && (folded.empty() || folded.back() == U' ')) continue;
    const auto together = folded.empty() ? std::nullopt : composed(folded.back(), c);
    if (together) folded.pop_back();
    folded += together.value_or(c);
  }
  if (!folded.empty() && folded.back() == U' ') folded.pop_back();
  std::string text;
  for (const char32_t c : folded) append_utf8(c, text);
  return text;
}

namespace {

class ClassCheck {
 public:
  ClassCheck(const LabelledData& data, const CheckOptions& options)
      : data_(data), options_(options), classes_(data.classes()) {}

  std::vector<Finding> run() {
    check_labels();
    check_split();
    check_each_name();
    check_names();
    check_sizes();
    return std::move(findings_);
  }

 private:
  void add(FindingKind kind, std::vector<std::string> classes, std::string text) {
    findings_.push_back({kind, {}, std::move(classes), std::move(text)});
  }

  void check_labels() {
    for (std::size_t i = 0; i < data_.size(); ++i) {
      if (data_.has_label[i]) continue;
      findings_.push_back({FindingKind::kUnlabelled, {data_.paths[i]}, {}, "no label by " + data_.labels_by});
    }
    const bool is_single = data_.items.task() == Task::kSingleLabel;
    if (classes_.empty()) add(FindingKind::kOneClass, {}, "there is no class");
    if (classes_.size() == 1 && is_single) add(FindingKind::kOneClass, {classes_[0].name}, "there is only one class");
  }

  void check_split() {
    if (!data_.split_problem.empty()) return add(FindingKind::kBadSplit, {}, data_.split_problem);
    if (data_.count(Side::kTrain) == 0) return add(FindingKind::kBadSplit, {}, "no image trains");
    const bool validates = data_.count(Side::kValid) > 0;
    if (!validates) add(FindingKind::kNoValidation, {}, "no image validates");
    for (const ClassCount& each : classes_) {
      if (each.train == 0 && each.valid > 0) {
        add(FindingKind::kNeverTrains, {each.name}, fmt::format("{} in validation, none in training", each.valid));
      }
      if (each.valid == 0 && each.train > 0 && validates) {
        add(FindingKind::kNeverValidates, {each.name}, fmt::format("{} in training, none in validation", each.train));
      }
    }
  }

  /// Training refuses a vocabulary for the same reasons.
  void check_each_name() {
    for (const ClassCount& each : classes_) {
      try {
        (void)Vocabulary({each.name});
      } catch (const core::DataError& error) {
        add(FindingKind::kBadName, {each.name}, error.problem());
      }
    }
  }

  void check_names() {
    std::map<std::string, std::vector<std::string>> by_folded_name;
    for (const ClassCount& each : classes_) by_folded_name[folded_name(each.name)].push_back(each.name);
    for (auto& [folded, names] : by_folded_name) {
      if (names.size() < 2) continue;
      std::string text = fmt::format("'{}'", fmt::join(names, "', '"));
      add(FindingKind::kSimilarNames, std::move(names), std::move(text));
    }
  }

  void check_sizes() {
    const auto least = static_cast<std::size_t>(options_.min_per_class);
    for (const ClassCount& each : classes_) {
      if (each.images >= least) continue;
      add(FindingKind::kSmallClass, {each.name},
          fmt::format("{} image{}, fewer than {}", each.images, each.images == 1 ? "" : "s", least));
    }
    if (classes_.size() < 2) return;
    const auto by_size = [](const ClassCount& a, const ClassCount& b) { return a.images < b.images; };
    const auto [small, large] = std::minmax_element(classes_.begin(), classes_.end(), by_size);
    const double ratio = static_cast<double>(large->images) / static_cast<double>(small->images);
    if (ratio <= options_.max_imbalance) return;
    add(FindingKind::kImbalance, {large->name, small->name},
        fmt::format("'{}' has {} images, '{}' {}: {:.1f} to 1", large->name, large->images, small->name, small->images,
                    ratio));
  }

  const LabelledData& data_;
  const CheckOptions& options_;
  std::vector<ClassCount> classes_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check_classes(const LabelledData& data, const CheckOptions& options) {
  return ClassCheck(data, options).run();
}

}  // namespace margay::data
