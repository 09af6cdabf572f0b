#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "margay/collective/group.h"
#include "margay/collective/life_sign.h"
#include "margay/collective/process_group.h"

namespace margay::collective {

/// How a process ended its part.
enum class Leaving { kDone, kFailed };

/// Why a process cannot go on.
struct Loss {
  LostProcess process;
  std::string reason;  ///< a sentence for this process's user: who is lost, and what this one waited for meanwhile
};

struct HeartbeatOptions {
  std::string host;   ///< of this process, for messages
  std::string store;  ///< the address of the store, for messages: "node01:29500"
  StoreOwner store_owner = StoreOwner::kFirstRank;
  std::chrono::milliseconds interval{500};       ///< between two signs of life
  std::chrono::milliseconds lost_after{5000};    ///< without a sign of life
  std::chrono::milliseconds agree_within{5000};  ///< after a stop is wanted
  std::function<bool()> is_stop_wanted = {};     ///< asked in a thread of the heartbeat
  /// Called once, in a thread of the heartbeat, where this process has not ended its part end_within after it learnt of
  /// a loss: its own work may be slow, as may be the threads that it waits for. May end the process; files that are
  /// being written have other names until they are whole.
  std::function<void(const Loss& loss)> on_overdue = {};
  std::chrono::milliseconds end_within{2000};
};

/// Finds out which process of a group is lost, apart from the group's own messages, so that slow work is not taken for
/// a hang, and ends the waiting of the others (Group::interrupt) with a reason that names it. Each process gives a sign
/// of life through the store, from a thread of its own; that of rank 0 looks at all of them and announces who is lost,
/// the others look at rank 0 and at what it announces. A process that is killed or stopped is known to rank 0 after
/// lost_after and two intervals at most, to the others an interval later.
class Heartbeat {
 public:
  /// store: a connection of its own. group: must not be used without this object any more, since it may be interrupted.
  Heartbeat(std::unique_ptr<Store> store, std::shared_ptr<Group> group, HeartbeatOptions options);
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  /// As leave(kFailed) without a text, unless it was called.
  ~Heartbeat();

  /// Which process is lost; nothing while all live.
  std::optional<Loss> loss() const;
  std::optional<Loss> wait_for_loss(std::chrono::milliseconds timeout);

  /// Why this process cannot go on, after a collective has thrown: the process that is lost, as soon as that is known,
  /// else the text itself and which processes the others wait for. Takes up to lost_after and four intervals.
  std::string explain(const std::string& error);

  /// The last sign of life. text: for kFailed the error, which the other processes then end with. Rank 0 waits until
  /// the others have read what it announced and have left, for lost_after at most, since the store may be its own.
  void leave(Leaving how, const std::string& text = "");

 private:
  class Pulse;
  std::shared_ptr<Pulse> pulse_;  ///< shared with a thread that may be stuck in a call to a store that hangs
  bool has_left_ = false;
  std::jthread watch_;
};

}  // namespace margay::collective
