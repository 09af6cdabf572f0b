#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "margay/model/cpu_memory.h"

namespace margay::model {

/// Blocks of memory cut from one long range of addresses, whose pages stay once they have been touched.
/// Best fit, lowest address first; neighbouring free blocks are joined at once, so that what one batch size leaves
/// serves another. Blocks begin at page boundaries, and the range asks for huge pages. Thread-safe.
class CpuArena {
 public:
  /// Reserves addresses, not memory: `range_bytes`, or what the system grants of it.
  explicit CpuArena(std::size_t range_bytes);
  CpuArena(const CpuArena&) = delete;
  CpuArena& operator=(const CpuArena&) = delete;
  ~CpuArena();

  /// A block of at least `bytes` >= 1 bytes, or null if the range is used up.
  void* take(std::size_t bytes);
  /// Takes back a block that take() gave.
  void give_back(void* block);
  bool owns(const void* address) const;

  CpuMemoryStats stats() const;
  void reset_peak();
  /// Returns the pages of all free blocks to the system.
  void trim();

 private:
  using FreeBlocks = std::map<std::size_t, std::size_t>;

  bool grow_for(std::size_t size);
  void insert_free(std::size_t offset, std::size_t size);
  void remove_free(FreeBlocks::iterator block);

  std::byte* begin_ = nullptr;
  std::size_t range_ = 0;

  mutable std::mutex mutex_;
  std::size_t top_ = 0;                                         ///< behind it nothing was ever handed out
  FreeBlocks free_;                                             ///< offset -> size
  std::set<std::pair<std::size_t, std::size_t>> free_by_size_;  ///< size, offset
  std::unordered_map<std::size_t, std::size_t> used_;           ///< offset -> size
  std::size_t in_use_ = 0;
  std::size_t peak_in_use_ = 0;
};

}  // namespace margay::model
