#include "margay/data/path_list.h"

namespace margay::data {

void PathList::add(std::string_view path) {
  places_.push_back({names_.size(), static_cast<std::uint32_t>(path.size())});
  names_ += path;
}

bool PathList::operator==(const PathList& other) const {
  if (size() != other.size()) return false;
  for (std::size_t i = 0; i < size(); ++i) {
    if (text(i) != other.text(i)) return false;
  }
  return true;
}

}  // namespace margay::data
