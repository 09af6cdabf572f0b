#include "margay/data/image_list.h"

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
