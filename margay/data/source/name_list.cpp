#include "margay/data/source/name_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace margay::data {

void NameList::add(const std::string& name) {
  constexpr std::size_t kShown = 3;
  if (shown_.size() < kShown) shown_.push_back("'" + name + "'");
  ++count_;
}

std::string NameList::text() const {
  const std::size_t hidden = count_ - shown_.size();
  return fmt::format("{}{}", fmt::join(shown_, ", "), hidden > 0 ? fmt::format(" and {} more", hidden) : "");
}

}  // namespace margay::data
