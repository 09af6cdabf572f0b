#pragma once

#include <cstddef>

namespace margay::train {

/// Counts, while it lives, the bytes of CPU tensors that are made and given back, in all threads, whichever allocator
/// makes them (oneDNN's scratch memory comes from there too). Only one at a time; others must not set an allocator
/// meanwhile. Tensors that outlive it are given back as any other.
class LiveMemory {
 public:
  /// Throws core::InternalError while there is another.
  LiveMemory();
  LiveMemory(const LiveMemory&) = delete;
  LiveMemory& operator=(const LiveMemory&) = delete;
  ~LiveMemory();

  /// Of tensors made since, those that are still there.
  std::size_t bytes() const;
  /// The most of them at once.
  std::size_t peak_bytes() const;
};

}  // namespace margay::train
