#include "margay/model/weights/pickle/pickle_bytes.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "margay/core/error.h"

namespace margay::model {

std::span<const std::byte> PickleBytesReader::take(std::uint64_t length) {
  const std::size_t left = bytes_.size() - position_;
  if (length > left)
    fail(fmt::format("{} bytes are announced, {} are left; the file is cut short or damaged", length, left));
  const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(length));
  position_ += taken.size();
  return taken;
}

std::uint64_t PickleBytesReader::number(std::size_t bytes) {
  const auto taken = take(bytes);
  std::uint64_t number = 0;
  for (std::size_t i = taken.size(); i-- > 0;) number = number << 8U | std::to_integer<std::uint64_t>(taken[i]);
  return number;
}

double PickleBytesReader::fraction() {
  std::uint64_t bits = 0;
  for (const std::byte each : take(sizeof bits)) bits = bits << 8U | std::to_integer<std::uint64_t>(each);
  return std::bit_cast<double>(bits);
}

std::string PickleBytesReader::text(std::uint64_t length) {
  const auto taken = take(length);
  return {reinterpret_cast<const char*>(taken.data()), taken.size()};
}

std::string PickleBytesReader::line() {
  const auto left = bytes_.subspan(position_);
  const auto end = std::find(left.begin(), left.end(), std::byte{'\n'});
  if (end == left.end()) fail("a name without an end; the file is cut short or damaged");
  std::string line = text(static_cast<std::uint64_t>(end - left.begin()));
  ++position_;
  return line;
}

void PickleBytesReader::fail(const std::string& problem) const {
  throw core::FormatError(path_, fmt::format("[pickle] at byte {}: {}", offset_ + step_, problem));
}

}  // namespace margay::model
