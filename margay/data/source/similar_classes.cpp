#include "margay/data/source/similar_classes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/source/names.h"

namespace margay::data {
namespace {

bool is_joint(char c) { return c == '_' || c == '-'; }

/// '_' and '-' between two words become a space. Elsewhere they may mean something: -1 is not 1.
std::string without_joints(std::string text) {
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    end = begin + 1;
    if (!is_joint(text[begin])) continue;
    while (end < text.size() && is_joint(text[end])) ++end;
    const bool is_between = begin > 0 && text[begin - 1] != ' ' && end < text.size() && text[end] != ' ';
    if (is_between)
      std::fill(text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + static_cast<std::ptrdiff_t>(end),
                ' ');
  }
  return text;
}

/// How many images each label has, and the first of them.
struct LabelUse {
  std::vector<std::size_t> images;
  std::vector<std::size_t> first;
};

LabelUse use_of_labels(const Items& items) {
  LabelUse use{std::vector<std::size_t>(items.label_names().size()),
               std::vector<std::size_t>(items.label_names().size())};
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (const std::uint32_t id : items.label_ids(i)) {
      if (use.images[id]++ == 0) use.first[id] = i;
    }
  }
  return use;
}

/// In what two similar names differ.
const char* difference(const std::string& a, const std::string& b) {
  if (core::composed(a) == core::composed(b)) {
    return "are the same letters in two of Unicode's forms, of which macOS and other systems each write one";
  }
  return "differ only in case, width, blanks or characters that nobody sees";
}

std::string described(const Items& items, const LabelUse& use, std::uint32_t id) {
  return fmt::format("'{}' ({}, such as {})", core::with_hidden_shown(items.label_names()[id]),
                     core::counted(use.images[id], "image"), core::shown_path(items.path(use.first[id])));
}

using NameGroups = std::vector<std::vector<std::string>>;

/// The names by what `fold` makes of them, without those that stand alone.
template <class Fold>
NameGroups alike_by(const std::vector<std::string>& names, Fold&& fold) {
  std::map<std::string, std::vector<std::string>> by_folded;
  for (const std::string& name : names) by_folded[fold(name)].push_back(name);
  NameGroups groups;
  for (auto& [folded, alike] : by_folded) {
    if (alike.size() < 2) continue;
    std::sort(alike.begin(), alike.end());
    groups.push_back(std::move(alike));
  }
  return groups;
}

std::uint32_t label_id(const Items& items, const std::string& label) {
  const auto found = std::find(items.label_names().begin(), items.label_names().end(), label);
  return static_cast<std::uint32_t>(found - items.label_names().begin());
}

}  // namespace

std::string folded_name(std::string_view name) { return core::folded(without_joints(core::folded(name))); }

NameGroups similar_names(const std::vector<std::string>& classes) {
  return alike_by(classes, [](const std::string& name) { return core::folded(name); });
}

NameGroups names_of_other_joints(const std::vector<std::string>& classes) {
  NameGroups groups = alike_by(classes, [](const std::string& name) { return folded_name(name); });
  std::erase_if(groups, [](const std::vector<std::string>& alike) {
    return std::all_of(alike.begin(), alike.end(),
                       [&](const std::string& each) { return core::folded(each) == core::folded(alike.front()); });
  });
  return groups;
}

void refuse_similar_classes(const Items& items, const std::vector<std::string>& classes) {
  const NameGroups groups = similar_names(classes);
  if (groups.empty()) return;
  const LabelUse use = use_of_labels(items);
  const std::string& a = groups.front()[0];
  const std::string& b = groups.front()[1];
  throw core::DataError(
      items.path(use.first[label_id(items, a)]).parent_path(),
      fmt::format("the classes {} and {} {}{}; give them one name, or say with `similar_classes` merge that they are "
                  "one class, with keep that they are two",
                  described(items, use, label_id(items, a)), described(items, use, label_id(items, b)),
                  difference(a, b), groups.size() > 1 ? fmt::format(", as do {} other names", groups.size() - 1) : ""));
}

Items with_similar_merged(const Items& items, const std::vector<std::string>& known, std::string& warning) {
  const LabelUse use = use_of_labels(items);
  const std::vector<std::string>& names = items.label_names();
  std::map<std::string, std::string> known_name;
  for (const std::string& name : known) known_name.emplace(core::folded(name), name);
  std::map<std::string, std::uint32_t> most;
  for (std::uint32_t id = 0; id < names.size(); ++id) {
    const auto [best, is_first] = most.emplace(core::folded(names[id]), id);
    const bool is_more = use.images[id] > use.images[best->second] ||
                         (use.images[id] == use.images[best->second] && names[id] < names[best->second]);
    if (!is_first && is_more) best->second = id;
  }
  std::vector<std::string> name_of(names.size());
  NameList merged;
  for (std::uint32_t id = 0; id < names.size(); ++id) {
    const std::string folded = core::folded(names[id]);
    const auto its = known_name.find(folded);
    name_of[id] = its != known_name.end() ? its->second : names[most.at(folded)];
    if (name_of[id] != names[id]) merged.add(fmt::format("{} as {}", core::with_hidden_shown(names[id]), name_of[id]));
  }
  if (merged.empty()) return items;
  warning = fmt::format("{} (`similar_classes` merge): {}",
                        core::counted(merged.size(), "label is read as the class that it resembles",
                                      "labels are read as the class that they resemble"),
                        merged.text());
  Items result(items.task());
  for (std::size_t i = 0; i < items.size(); ++i) {
    Labels labels;
    for (const std::uint32_t id : items.label_ids(i)) {
      if (std::find(labels.begin(), labels.end(), name_of[id]) == labels.end()) labels.push_back(name_of[id]);
    }
    result.add(items.image(i), labels);
  }
  return result;
}

}  // namespace margay::data
