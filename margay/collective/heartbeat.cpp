#include "margay/collective/heartbeat.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/collective/watched_store.h"
#include "margay/core/text.h"

namespace margay::collective {
namespace {

using PulseClock = WatchedStore::Clock;
using std::chrono::milliseconds;

double seconds(PulseClock::duration time) { return std::chrono::duration<double>(time).count(); }

std::string key_of(int rank) { return fmt::format("heartbeat/{}", rank); }
constexpr const char* kLostKey = "heartbeat/lost";

/// What this process waits for while another is lost.
std::string waiting_text(const Activity& activity) {
  if (activity.operation.empty()) return "";
  return fmt::format("; this process waited for {}{}", activity.operation,
                     activity.position.empty() ? "" : " at " + activity.position);
}

}  // namespace

/// What the threads of a heartbeat share.
class Heartbeat::Pulse {
 public:
  Pulse(std::unique_ptr<Store> store, std::shared_ptr<Group> group, HeartbeatOptions options)
      : options_(std::move(options)),
        rank_(group->rank()),
        world_(group->size()),
        peers_(static_cast<std::size_t>(group->size())),
        store_(std::move(store)),
        group_(std::move(group)) {}

  const HeartbeatOptions& options() const { return options_; }

  /// Gives signs of life until this process has left, and those that look at rank 0 have left, too.
  void beat() {
    for (std::int64_t number = 1; go_on(); ++number) {
      try {
        beat_once(number);
      } catch (const std::exception& error) {
        lose_store(fmt::format("no longer answers ({})", error.what()));
        return note_written();
      }
      sleep(options_.interval);
    }
  }

  /// Looks at the thread that beats, which may be stuck in a call to the store, and at what this process should do.
  void watch(const std::stop_token& stop) {
    PulseClock::time_point stop_wanted_at;
    PulseClock::time_point looked_at = PulseClock::now();
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::min(milliseconds(200), options_.interval));
      if (PulseClock::now() - looked_at > options_.lost_after) restart_clocks();  // this process was itself stopped
      looked_at = PulseClock::now();
      if (const auto time = store_.time_in_call(); time > options_.lost_after) {
        lose_store(fmt::format("has not answered for {:.1f} s", seconds(time)));
        note_written();  // nobody can read a last sign of life
      }
      watch_stop(stop_wanted_at);
      watch_end();
    }
  }

  std::optional<Loss> loss() const {
    const std::lock_guard lock(changing_);
    return loss_;
  }

  /// Asks for what all others know of themselves, too, since the network has said that one of them is lost.
  void look_for_loss() {
    const std::lock_guard lock(changing_);
    is_looking_ = true;
  }

  std::optional<Loss> wait_for_loss(milliseconds timeout) {
    std::unique_lock lock(changing_);
    changed_.wait_for(lock, timeout, [&] { return loss_.has_value(); });
    return loss_;
  }

  void leave(Leaving how, const std::string& text) {
    std::unique_lock lock(changing_);
    mine_.state = how == Leaving::kDone ? LifeSign::State::kDone : LifeSign::State::kFailed;
    mine_.error = text;
    is_leaving_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, options_.interval * 2, [&] { return is_written_; });
    if (!is_first()) return;
    changed_.wait_for(lock, options_.lost_after, [&] { return have_others_left(); });
    has_ended_ = true;
    changed_.notify_all();
  }

  /// The processes that wait for no other: those that the others wait for.
  std::string whom_others_wait_for() {
    std::vector<std::string> texts;
    const std::lock_guard lock(changing_);
    for (int rank = 0; rank < world_; ++rank) {
      const LifeSign& sign = peer(rank).sign;
      if (rank == rank_ || !peer(rank).has_given_sign()) continue;
      if (sign.state == LifeSign::State::kDone) texts.push_back(sign.name(rank) + " has ended");
      if (!sign.has_ended() && sign.operation.empty()) texts.push_back(sign.name(rank) + " is " + sign.place());
    }
    return core::joined(texts, "; ");
  }

 private:
  /// Another process, as this one sees it.
  struct Peer {
    std::string stored;  ///< its last sign; "": none yet
    LifeSign sign;
    PulseClock::time_point changed_at = PulseClock::now();

    bool has_given_sign() const { return !stored.empty(); }
    PulseClock::duration silence() const { return PulseClock::now() - changed_at; }
  };

  bool is_first() const { return rank_ == 0; }
  Peer& peer(int rank) { return peers_[static_cast<std::size_t>(rank)]; }

  bool go_on() const {
    const std::lock_guard lock(changing_);
    return !is_over();
  }
  bool is_over() const { return is_first() ? has_ended_ : is_written_; }

  /// Until the next sign, which the last one does not wait for, nor the end.
  void sleep(milliseconds time) {
    std::unique_lock lock(changing_);
    changed_.wait_for(lock, time, [&] { return (is_leaving_ && !is_written_) || is_over(); });
  }

  bool have_others_left() const {
    return std::all_of(peers_.begin() + 1, peers_.end(), [&](const Peer& other) {
      return other.sign.has_ended() || other.silence() > options_.lost_after;
    });
  }

  void beat_once(std::int64_t number) {
    const LifeSign mine = my_sign(number);
    store_.set(key_of(rank_), stored(mine));
    if (mine.has_ended()) note_written();
    if (is_first()) {
      for (int rank = 1; rank < world_; ++rank) look_at(rank);
    } else {
      for (int rank = 1; is_looking() && rank < world_; ++rank) read_peer(rank);
      look_at(0);
      if (const auto text = store_.find(kLostKey)) conclude(read_lost_process(*text));
    }
    announce();
  }

  LifeSign my_sign(std::int64_t number) {
    const Activity activity = group_->activity();
    const std::lock_guard lock(changing_);
    mine_.number = number;
    mine_.host = options_.host;
    mine_.process = ::getpid();
    mine_.position = activity.position;
    mine_.operation = activity.operation;
    return mine_;
  }

  void note_written() {
    const std::lock_guard lock(changing_);
    is_written_ = true;
    changed_.notify_all();
  }

  bool is_looking() const {
    const std::lock_guard lock(changing_);
    return is_looking_;
  }

  /// How long a process may be silent. Where one is known to be lost, the question is only which.
  PulseClock::duration patience() const { return is_looking() ? options_.lost_after / 2 : options_.lost_after; }

  Peer read_peer(int rank) {
    const std::optional<std::string> text = store_.find(key_of(rank));
    const std::lock_guard lock(changing_);
    Peer& seen = peer(rank);
    if (text && *text != seen.stored) seen = {*text, read_life_sign(*text)};
    changed_.notify_all();
    return seen;
  }

  void look_at(int rank) {
    const Peer seen = read_peer(rank);
    const LifeSign& sign = seen.sign;
    if (sign.state == LifeSign::State::kFailed) {
      return declare({.rank = rank,
                      .how = LostProcess::How::kFailed,
                      .text = fmt::format("{} ended {}: {}", sign.name(rank), sign.place(), sign.error),
                      .error = sign.error});
    }
    if (sign.has_ended() || seen.silence() <= patience()) return;
    declare({.rank = rank,
             .text = fmt::format("{} is lost {}: no sign of life for {:.1f} s", sign.name(rank), sign.place(),
                                 seconds(seen.silence()))});
  }

  /// how: "no longer answers".
  void lose_store(const std::string& how) {
    if (options_.store_owner == StoreOwner::kLauncher) {
      return declare({.text = fmt::format("the launcher is lost: its store at {} {}", options_.store, how)});
    }
    if (is_first()) return declare({.text = fmt::format("the store of rank 0 at {} {}", options_.store, how)});
    LifeSign sign;
    {
      const std::lock_guard lock(changing_);
      sign = peer(0).sign;
    }
    declare(
        {.rank = 0,
         .text = fmt::format("{} is lost {}: its store at {} {}", sign.name(0), sign.place(), options_.store, how)});
  }

  void restart_clocks() {
    store_.restart_clock();
    const std::lock_guard lock(changing_);
    for (Peer& other : peers_) other.changed_at = PulseClock::now();
  }

  /// This process has found out who is lost.
  void declare(const LostProcess& lost) {
    if (conclude(lost)) {
      const std::lock_guard lock(changing_);
      to_announce_ = lost;
    }
  }

  /// Returns whether this is the first loss, which counts.
  bool conclude(const LostProcess& lost) {
    Loss loss{.process = lost, .reason = lost.text};
    if (lost.rank == rank_) {
      loss.reason = "the other processes went on without this one: " + lost.text;
    } else if (lost.how == LostProcess::How::kSilent) {
      loss.reason += waiting_text(group_->activity());
    }
    {
      const std::lock_guard lock(changing_);
      if (loss_ || is_leaving_) return false;
      loss_ = loss;
      lost_at_ = PulseClock::now();
      changed_.notify_all();
    }
    group_->interrupt(loss.reason);
    return true;
  }

  void announce() {
    std::optional<LostProcess> lost;
    {
      const std::lock_guard lock(changing_);
      lost = std::exchange(to_announce_, std::nullopt);
    }
    if (lost) store_.set(kLostKey, stored(*lost));
  }

  /// A stop must be agreed on: a process that waits for the others too long ends without them.
  void watch_stop(PulseClock::time_point& wanted_at) {
    if (!options_.is_stop_wanted || !options_.is_stop_wanted()) return;
    if (wanted_at == PulseClock::time_point()) wanted_at = PulseClock::now();
    const Activity activity = group_->activity();
    if (activity.operation.empty() || PulseClock::now() - std::max(wanted_at, activity.since) < options_.agree_within)
      return;
    group_->interrupt(fmt::format("a stop is wanted, but not all processes agreed within {:g} s: this one waits for {}",
                                  seconds(options_.agree_within), activity.operation));
  }

  /// Rank 0 waits for the others to read what it has announced.
  void watch_end() {
    const PulseClock::duration allowed = options_.end_within + (is_first() ? 2 * options_.interval : milliseconds(0));
    {
      const std::lock_guard lock(changing_);
      if (!options_.on_overdue || !loss_ || is_overdue_ || PulseClock::now() - lost_at_ < allowed) return;
      is_overdue_ = true;
    }
    options_.on_overdue(*loss());
  }

  const HeartbeatOptions options_;
  const int rank_;
  const int world_;
  mutable std::mutex changing_;
  std::condition_variable changed_;
  std::vector<Peer> peers_;  ///< by rank
  LifeSign mine_;
  std::optional<Loss> loss_;
  PulseClock::time_point lost_at_;
  std::optional<LostProcess> to_announce_;
  bool is_looking_ = false;
  bool is_leaving_ = false;
  bool is_written_ = false;  ///< the last sign of life
  bool has_ended_ = false;   ///< of rank 0: nobody needs it any more
  bool is_overdue_ = false;
  WatchedStore store_;
  std::shared_ptr<Group> group_;
};

Heartbeat::Heartbeat(std::unique_ptr<Store> store, std::shared_ptr<Group> group, HeartbeatOptions options)
    : pulse_(std::make_shared<Pulse>(std::move(store), std::move(group), std::move(options))) {
  std::thread([pulse = pulse_] { pulse->beat(); }).detach();
  watch_ = std::jthread([pulse = pulse_](const std::stop_token& stop) { pulse->watch(stop); });
}

Heartbeat::~Heartbeat() {
  if (!has_left_) leave(Leaving::kFailed);
}

std::optional<Loss> Heartbeat::loss() const { return pulse_->loss(); }

std::optional<Loss> Heartbeat::wait_for_loss(std::chrono::milliseconds timeout) {
  return pulse_->wait_for_loss(timeout);
}

std::string Heartbeat::explain(const std::string& error) {
  const HeartbeatOptions& options = pulse_->options();
  pulse_->look_for_loss();
  if (const auto loss = pulse_->wait_for_loss(options.lost_after + 4 * options.interval)) return loss->reason;
  const std::string others = pulse_->whom_others_wait_for();
  return others.empty() ? error : fmt::format("{} ({})", error, others);
}

void Heartbeat::leave(Leaving how, const std::string& text) {
  has_left_ = true;
  pulse_->leave(how, text);
}

}  // namespace margay::collective
