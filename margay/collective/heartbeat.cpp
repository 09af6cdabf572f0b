#include "margay/collective/heartbeat.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::collective {
namespace {

using PulseClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

double seconds_since(PulseClock::time_point then) {
  return std::chrono::duration<double>(PulseClock::now() - then).count();
}

std::string key_of(std::size_t rank) { return fmt::format("heartbeat/{}", rank); }
constexpr const char* kLostKey = "heartbeat/lost";

}  // namespace

/// What the threads of a heartbeat share.
class Heartbeat::Pulse {
 public:
  Pulse(std::unique_ptr<Store> store, std::shared_ptr<Group> group, HeartbeatOptions options)
      : options_(std::move(options)),
        rank_(static_cast<std::size_t>(group->rank())),
        peers_(static_cast<std::size_t>(group->size())),
        store_(std::move(store)),
        group_(std::move(group)) {}

  const HeartbeatOptions& options() const { return options_; }
  bool is_first() const { return rank_ == 0; }

  /// Gives signs of life until this process has left, and those that look at rank 0 have left, too.
  void beat() {
    for (std::size_t number = 1; go_on(); ++number) {
      try {
        beat_once(number);
      } catch (const std::exception& error) {
        if (!is_leaving())
          declare(fmt::format("{} is lost: its store no longer answers ({})", store_name(), error.what()));
        return note_written();
      }
      sleep(options_.interval);
    }
  }

  /// Looks at the thread that beats, which may be stuck in a call to the store.
  void watch(const std::stop_token& stop) {
    PulseClock::time_point stop_wanted_at;
    PulseClock::time_point looked_at = PulseClock::now();
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::min(milliseconds(200), options_.interval));
      if (PulseClock::now() - looked_at > options_.lost_after) restart_clocks();  // this process was itself stopped
      looked_at = PulseClock::now();
      if (is_stuck()) {
        declare(fmt::format("{} is lost: its store has not answered for {:.1f} s", store_name(),
                            seconds_since(call_begun_at())));
        note_written();  // nobody can read a last sign of life
      }
      watch_stop(stop_wanted_at);
    }
  }

  std::optional<std::string> lost() const {
    const std::lock_guard lock(changing_);
    return lost_;
  }

  std::optional<std::string> wait_until_lost(milliseconds timeout) {
    std::unique_lock lock(changing_);
    is_asked_ = true;
    changed_.wait_for(lock, timeout, [&] { return lost_.has_value(); });
    return lost_;
  }

  void leave(Leaving how, const std::string& text) {
    std::unique_lock lock(changing_);
    mine_.state = how == Leaving::kDone ? "done" : "failed";
    mine_.text = text;
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
    for (std::size_t rank = 0; rank < peers_.size(); ++rank) {
      if (rank == rank_ || peers_[rank].lines.empty()) continue;
      const LifeSign sign = peers_[rank].sign();
      if (sign.state == "done") texts.push_back(sign.name(rank) + " has ended");
      if (sign.state == "alive" && sign.operation.empty()) texts.push_back(sign.name(rank) + " is " + sign.place());
    }
    return fmt::format("{}", fmt::join(texts, "; "));
  }

 private:
  /// What a process says of itself, as lines of text in the store.
  struct LifeSign {
    std::string state = "alive";  ///< or "done", "failed"
    std::string beat;             ///< another one at each sign
    std::string host;
    std::string process;
    std::string position;
    std::string operation;
    std::string text;  ///< of "failed"

    std::string lines() const {
      return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n", state, beat, core::one_line(host), process,
                         core::one_line(position), core::one_line(operation), core::one_line(text));
    }
    std::string name(std::size_t rank) const {
      if (host.empty()) return fmt::format("rank {}", rank);
      return fmt::format("rank {} ({}, process {})", rank, host, process);
    }
    std::string place() const {
      const std::string at = position.empty() ? "before the first step" : "at " + position;
      return operation.empty() ? at : fmt::format("{}, waiting for {}", at, operation);
    }
  };

  /// Another process, as this one sees it.
  struct Peer {
    std::string lines;  ///< its last sign; "": none yet
    PulseClock::time_point changed_at = PulseClock::now();

    bool has_left() const { return !lines.empty() && !lines.starts_with("alive"); }
    LifeSign sign() const {
      LifeSign sign;
      std::istringstream stream(lines);
      for (std::string* part :
           {&sign.state, &sign.beat, &sign.host, &sign.process, &sign.position, &sign.operation, &sign.text}) {
        std::getline(stream, *part);
      }
      return sign;
    }
  };

  bool is_leaving() const {
    const std::lock_guard lock(changing_);
    return is_leaving_;
  }

  bool go_on() const {
    const std::lock_guard lock(changing_);
    return is_first() ? !has_ended_ : !is_written_;
  }

  void sleep(milliseconds time) {
    std::unique_lock lock(changing_);
    changed_.wait_for(lock, time, [&] { return is_leaving_ && !is_written_; });
  }

  bool is_silent(const Peer& peer) const { return PulseClock::now() - peer.changed_at > options_.lost_after; }

  bool have_others_left() const {
    return std::all_of(peers_.begin() + 1, peers_.end(),
                       [&](const Peer& peer) { return peer.has_left() || is_silent(peer); });
  }

  void beat_once(std::size_t number) {
    const bool is_last = is_leaving();
    set(key_of(rank_), my_sign(number));
    if (is_last) note_written();
    if (is_first()) {
      for (std::size_t rank = 1; rank < peers_.size(); ++rank) look_at(rank);
    } else {
      for (std::size_t rank = 1; is_asked() && rank < peers_.size(); ++rank) read_peer(rank);
      look_at(0);
      if (const auto text = find(kLostKey)) conclude(*text);
    }
    announce();
  }

  std::string my_sign(std::size_t number) {
    const Activity activity = group_->activity();
    const std::lock_guard lock(changing_);
    mine_.beat = std::to_string(number);
    mine_.host = options_.host;
    mine_.process = std::to_string(::getpid());
    mine_.position = activity.position;
    mine_.operation = activity.operation;
    return mine_.lines();
  }

  void note_written() {
    const std::lock_guard lock(changing_);
    is_written_ = true;
    changed_.notify_all();
  }

  bool is_asked() const {
    const std::lock_guard lock(changing_);
    return is_asked_;
  }

  Peer read_peer(std::size_t rank) {
    const std::optional<std::string> lines = find(key_of(rank));
    const std::lock_guard lock(changing_);
    Peer& peer = peers_[rank];
    if (lines && *lines != peer.lines) peer = {*lines, PulseClock::now()};
    changed_.notify_all();
    return peer;
  }

  void look_at(std::size_t rank) {
    const Peer seen = read_peer(rank);
    const LifeSign sign = seen.sign();
    if (sign.state == "failed")
      return declare(fmt::format("{} ended {}: {}", sign.name(rank), sign.place(), sign.text));
    if (seen.has_left() || !is_silent(seen)) return;
    declare(fmt::format("{} is lost {}: no sign of life for {:.1f} s", sign.name(rank), sign.place(),
                        seconds_since(seen.changed_at)));
  }

  /// While it lives, this process is in a call to the store, which may hang where the process that keeps it is stopped.
  class Call {
   public:
    explicit Call(Pulse& pulse) : pulse_(pulse) { set(true); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() { set(false); }

   private:
    void set(bool is_calling) {
      const std::lock_guard lock(pulse_.changing_);
      pulse_.call_begun_at_ = PulseClock::now();
      pulse_.is_calling_ = is_calling;
    }

    Pulse& pulse_;
  };

  std::optional<std::string> find(const std::string& key) {
    const Call calling(*this);
    return store_->find(key);
  }

  void set(const std::string& key, const std::string& value) {
    const Call calling(*this);
    store_->set(key, value);
  }

  PulseClock::time_point call_begun_at() const {
    const std::lock_guard lock(changing_);
    return call_begun_at_;
  }

  bool is_stuck() const {
    const std::lock_guard lock(changing_);
    return is_calling_ && PulseClock::now() - call_begun_at_ > options_.lost_after;
  }

  void restart_clocks() {
    const std::lock_guard lock(changing_);
    call_begun_at_ = PulseClock::now();
    for (Peer& peer : peers_) peer.changed_at = PulseClock::now();
  }

  std::string store_name() const { return options_.store.empty() ? "rank 0" : options_.store; }

  /// This process has found out who is lost.
  void declare(const std::string& text) {
    {
      const std::lock_guard lock(changing_);
      if (lost_ || is_leaving_) return;
      to_announce_ = text;
    }
    conclude(text);
  }

  /// The first reason counts.
  void conclude(const std::string& text) {
    {
      const std::lock_guard lock(changing_);
      if (lost_ || is_leaving_) return;
      const std::string me = fmt::format("rank {} (", rank_);
      lost_ = text.starts_with(me) ? "the other processes went on without this one: " + text : text;
      changed_.notify_all();
    }
    group_->interrupt(*lost());
  }

  void announce() {
    std::optional<std::string> text;
    {
      const std::lock_guard lock(changing_);
      text = std::exchange(to_announce_, std::nullopt);
    }
    if (text) set(kLostKey, *text);
  }

  /// A stop must be agreed on: a process that waits for the others too long ends without them.
  void watch_stop(PulseClock::time_point& wanted_at) {
    if (!options_.is_stop_wanted || !options_.is_stop_wanted()) return;
    if (wanted_at == PulseClock::time_point()) wanted_at = PulseClock::now();
    const Activity activity = group_->activity();
    if (activity.operation.empty() || PulseClock::now() - std::max(wanted_at, activity.since) < options_.agree_within)
      return;
    group_->interrupt(fmt::format("a stop is wanted, but not all processes agreed within {:g} s: this one waits for {}",
                                  std::chrono::duration<double>(options_.agree_within).count(), activity.operation));
  }

  const HeartbeatOptions options_;
  const std::size_t rank_;
  mutable std::mutex changing_;
  std::condition_variable changed_;
  std::vector<Peer> peers_;  ///< by rank
  LifeSign mine_;
  std::optional<std::string> lost_;
  std::optional<std::string> to_announce_;
  PulseClock::time_point call_begun_at_;
  bool is_calling_ = false;
  bool is_asked_ = false;  ///< why this process cannot go on, which all others may know
  bool is_leaving_ = false;
  bool is_written_ = false;  ///< the last sign of life
  bool has_ended_ = false;   ///< of rank 0: nobody needs it any more
  std::unique_ptr<Store> store_;
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

std::optional<std::string> Heartbeat::lost() const { return pulse_->lost(); }

std::optional<std::string> Heartbeat::wait_until_lost(std::chrono::milliseconds timeout) {
  return pulse_->wait_until_lost(timeout);
}

std::string Heartbeat::explain(const std::string& error) {
  const HeartbeatOptions& options = pulse_->options();
  if (const auto lost = pulse_->wait_until_lost(2 * options.lost_after + options.interval)) return *lost;
  const std::string others = pulse_->whom_others_wait_for();
  return others.empty() ? error : fmt::format("{} ({})", error, others);
}

void Heartbeat::leave(Leaving how, const std::string& text) {
  has_left_ = true;
  pulse_->leave(how, text);
}

}  // namespace margay::collective
