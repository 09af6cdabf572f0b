#pragma once

#include <cstdint>
#include <utility>

namespace margay::data {

/// A share of the memory in which all threads of this process decode large images. Small images (kSmall) never wait.
/// Larger ones wait, first come first served, until their sum fits into an eighth of the memory that was available at
/// the first of them, 512 MiB at least; and the largest (kLargest) until they are alone. So the peak does not grow with
/// the threads. A value that can be moved; the share is free again when it goes. A thread that holds one must not ask
/// for another.
class DecodeRoom {
 public:
  static constexpr std::uint64_t kSmall = std::uint64_t{128} << 20U;
  static constexpr std::uint64_t kLargest = std::uint64_t{512} << 20U;

  DecodeRoom() = default;
  /// Waits until there is room for `bytes`.
  explicit DecodeRoom(std::uint64_t bytes);
  DecodeRoom(DecodeRoom&& other) noexcept : bytes_(std::exchange(other.bytes_, 0)) {}
  DecodeRoom& operator=(DecodeRoom&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~DecodeRoom();

  /// What is taken: 0 for a small image.
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
};

}  // namespace margay::data
