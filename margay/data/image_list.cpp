#include "margay/data/image_list.h"

#include <algorithm>
#include <array>

#include "margay/core/text.h"

namespace margay::data {

void PathList::add(std::string_view path) {
  places_.push_back({names_.size(), static_cast<std::uint32_t>(path.size())});
  names_ += path;
}

void PathList::sort() {
  struct Keyed {
    std::array<std::uint64_t, 2> key;
    Place place;
  };
  std::vector<std::string_view> names;
  names.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) names.push_back(text(i));
  const std::size_t shared = core::natural_beginning(names);
  std::vector<Keyed> keyed;
  keyed.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) keyed.push_back({core::natural_key(names[i].substr(shared)), places_[i]});
  std::sort(keyed.begin(), keyed.end(), [this](const Keyed& a, const Keyed& b) {
    return a.key != b.key ? a.key < b.key : core::natural_less(text(a.place), text(b.place));
  });
  std::transform(keyed.begin(), keyed.end(), places_.begin(), [](const Keyed& each) { return each.place; });
}

bool PathList::operator==(const PathList& other) const {
  if (size() != other.size()) return false;
  for (std::size_t i = 0; i < size(); ++i) {
    if (text(i) != other.text(i)) return false;
  }
  return true;
}

void ImageList::add(const ImageSource& image) {
  keep_bytes(image.bytes());
  names_.add(image.name().native());
}

void ImageList::add(const ImageList& other, std::size_t i) {
  keep_bytes(other.bytes_of(i));
  names_.add(other.names_.text(i));
}

void ImageList::keep_bytes(ImageSource::Bytes bytes) {
  if (!bytes) return;
  bytes_.resize(names_.size());
  bytes_.push_back(std::move(bytes));
}

}  // namespace margay::data
