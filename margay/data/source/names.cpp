#include "margay/data/source/names.h"

#include <functional>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::data {

std::size_t NameIndex::slot_of(std::string_view name) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>{}(name)&mask;
  while (slots_[slot] != kFree && names_.text(slots_[slot]) != name) slot = (slot + 1) & mask;
  return slot;
}

void NameIndex::grow() {
  slots_.assign(slots_.empty() ? 16 : slots_.size() * 2, kFree);
  for (std::size_t i = 0; i < names_.size(); ++i) slots_[slot_of(names_.text(i))] = static_cast<std::uint32_t>(i);
}

bool NameIndex::add(std::string_view name) {
  if (3 * (names_.size() + 1) > 2 * slots_.size()) grow();
  const std::size_t slot = slot_of(name);
  if (slots_[slot] != kFree) return false;
  slots_[slot] = static_cast<std::uint32_t>(names_.size());
  names_.add(name);
  return true;
}

std::optional<std::size_t> NameIndex::find(std::string_view name) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t found = slots_[slot_of(name)];
  return found == kFree ? std::nullopt : std::optional<std::size_t>(found);
}

void NameList::add(const std::string& name) {
  constexpr std::size_t kShown = 3;
  if (shown_.size() < kShown) shown_.push_back("'" + core::spelled_out(name) + "'");
  ++count_;
}

std::string NameList::text() const {
  const std::size_t hidden = count_ - shown_.size();
  return fmt::format("{}{}", core::joined(shown_, ", "), hidden > 0 ? fmt::format(" and {} more", hidden) : "");
}

}  // namespace margay::data
