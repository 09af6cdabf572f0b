#include "margay/data/image/image_source.h"

#include <stdexcept>
#include <utility>

#include "margay/data/image/read_image.h"

namespace margay::data {

ImageSource::ImageSource(std::vector<std::uint8_t> bytes, const std::string& name)
    : name_(name), bytes_(std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes))) {
  if (name.empty()) throw std::invalid_argument("[ImageSource] bytes need a name, by which errors call them");
}

ImageSource::Bytes ImageSource::read() const {
  return bytes_ ? bytes_ : std::make_shared<const std::vector<std::uint8_t>>(ImageFile(name_).read());
}

core::Image read_image(const ImageSource& source, const ReadOptions& options) {
  return hold_image(source, options).image;
}

HeldImage hold_image(const ImageSource& source, const ReadOptions& options) {
  if (source.is_file()) return hold_image(source.name(), options);
  DecodeRoom room = room_for(*source.bytes(), options);
  return {std::move(room), decode_image(*source.bytes(), source.name(), options)};
}

ImageSize read_size(const ImageSource& source) {
  return source.is_file() ? read_size(source.name()) : decode_size(*source.bytes(), source.name());
}

}  // namespace margay::data
