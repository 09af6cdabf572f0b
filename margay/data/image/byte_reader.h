#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace margay::data {

enum class ByteOrder { kLittle, kBig };

/// Reads whole numbers from bytes that nobody has checked yet. Past the end everything is 0, which no
/// format uses for a size, a count or a tag that matters, so a cut header reads as "absent".
class ByteReader {
 public:
  ByteReader(std::span<const std::uint8_t> bytes, ByteOrder order) : bytes_(bytes), order_(order) {}

  std::size_t size() const { return bytes_.size(); }
  std::uint32_t u8(std::size_t at) const { return at < bytes_.size() ? bytes_[at] : 0U; }
  std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  std::uint32_t u24(std::size_t at) const { return number(at, 3); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }

  /// Whether `text` stands at byte `at`.
  bool has(std::size_t at, std::string_view text) const {
    if (at > bytes_.size() || text.size() > bytes_.size() - at) return false;
    return std::equal(text.begin(), text.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at),
                      [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
  }

  /// At most `count` bytes from `at`; fewer, or none, at the end.
  std::span<const std::uint8_t> part(std::size_t at, std::size_t count) const {
    const std::size_t begin = std::min(at, bytes_.size());
    return bytes_.subspan(begin, std::min(count, bytes_.size() - begin));
  }

 private:
  std::uint32_t number(std::size_t at, std::size_t count) const {
    if (at > bytes_.size() || count > bytes_.size() - at) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = order_ == ByteOrder::kBig ? at + i : at + count - 1 - i;
      value = (value << 8U) | bytes_[index];
    }
    return value;
  }

  std::span<const std::uint8_t> bytes_;
  ByteOrder order_;
};

}  // namespace margay::data
