#include "margay/data/image/decode_room.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "margay/core/machine.h"

namespace margay::data {
namespace {

/// The memory that large images share. Tickets keep one that needs much from waiting forever behind others that need
/// less.
class SharedRoom {
 public:
  static SharedRoom& all() {
    static auto* room = new SharedRoom;  // threads may still decode while the program ends
    return *room;
  }

  /// Returns what is to be given back.
  std::uint64_t take(std::uint64_t bytes) {
    const std::uint64_t share = bytes >= DecodeRoom::kLargest ? total_ : std::min(bytes, total_);
    std::unique_lock lock(mutex_);
    const std::uint64_t ticket = next_ticket_++;
    changed_.wait(lock, [&] { return ticket == served_ && share <= free_; });
    free_ -= share;
    ++served_;
    changed_.notify_all();
    return share;
  }

  void give_back(std::uint64_t share) {
    const std::lock_guard lock(mutex_);
    free_ += share;
    changed_.notify_all();
  }

 private:
  const std::uint64_t total_ = std::max(DecodeRoom::kLargest, core::available_memory_bytes() / 8);
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t free_ = total_;
  std::uint64_t next_ticket_ = 0;
  std::uint64_t served_ = 0;
};

}  // namespace

DecodeRoom::DecodeRoom(std::uint64_t bytes) : bytes_(bytes < kSmall ? 0 : SharedRoom::all().take(bytes)) {}

DecodeRoom::~DecodeRoom() {
  if (bytes_ > 0) SharedRoom::all().give_back(bytes_);
}

}  // namespace margay::data
