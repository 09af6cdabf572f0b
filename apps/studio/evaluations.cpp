#include "apps/studio/evaluations.h"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/options.h"
#include "margay/http/target.h"

namespace margay::studio {

std::string EvaluationQuestion::text() const {
  return fmt::format("{}\n{}\n{}\n{}\n{}{}", model, stamp, folder, part ? core::to_text(*part) : "",
                     leaves_unknown_out ? "l" : "", unlabelled ? "u" : "");
}

Evaluations::Evaluations(Judge judge, Tell tell, const Options& options)
    : judge_(std::move(judge)),
      tell_(std::move(tell)),
      options_(options),
      start_(fmt::format("{:08x}", std::random_device()())),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Evaluations::~Evaluations() {
  thread_.request_stop();
  wakes_.notify_all();
}

Evaluations::Entries::iterator Evaluations::find(const std::string& id) {
  return std::find_if(entries_.begin(), entries_.end(), [&](const Entry& each) { return each.status.id == id; });
}

EvaluationStatus Evaluations::ask(const EvaluationQuestion& question, const std::string& watcher, bool again) {
  const std::lock_guard lock(mutex_);
  const auto is_same = [&](const Entry& each) {
    const EvaluationState state = each.status.state;
    if (each.question.text() != question.text()) return false;
    return state == EvaluationState::kWaiting || state == EvaluationState::kWorking ||
           (state == EvaluationState::kDone && !again);
  };
  const auto found = std::find_if(entries_.begin(), entries_.end(), is_same);
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
  } else {
    drop_old();
    entries_.push_front({.question = question, .status = {}, .watchers = {}, .result = nullptr});
    entries_.front().status.id = fmt::format("{}-{}", start_, ++asked_);
    wakes_.notify_all();
  }
  entries_.front().watchers[watcher] = Clock::now();
  return entries_.front().status;
}

/// Called with the lock held. Those in work stay.
void Evaluations::drop_old() {
  std::size_t kept = 0;
  for (auto each = entries_.begin(); each != entries_.end();) {
    const EvaluationState state = each->status.state;
    const bool is_in_work = state == EvaluationState::kWaiting || state == EvaluationState::kWorking;
    each = !is_in_work && ++kept >= options_.kept ? entries_.erase(each) : std::next(each);
  }
}

EvaluationStatus Evaluations::status(const std::string& id, const std::string& watcher) {
  const std::lock_guard lock(mutex_);
  const auto found = find(id);
  if (found == entries_.end()) throw http::RequestError(404, "this evaluation is not kept any more; ask again");
  found->watchers[watcher] = Clock::now();
  return found->status;
}

void Evaluations::leave(const std::string& id, const std::string& watcher) {
  const std::lock_guard lock(mutex_);
  const auto found = find(id);
  if (found != entries_.end()) found->watchers.erase(watcher);
}

std::shared_ptr<const JudgedModelOfPage> Evaluations::result(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = find(id);
  if (found == entries_.end()) throw http::RequestError(404, "this evaluation is not kept any more; ask again");
  if (!found->result) throw http::RequestError(409, "this evaluation is not done");
  return found->result;
}

bool Evaluations::is_watched(Entry& entry) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entry.watchers, [&](const auto& watcher) { return Clock::now() - watcher.second > options_.silence; });
  return !entry.watchers.empty();
}

void Evaluations::change(Entry& entry, const std::function<void(EvaluationStatus&)>& how) {
  EvaluationStatus now;
  {
    const std::lock_guard lock(mutex_);
    how(entry.status);
    now = entry.status;
  }
  tell_(now);
}

void Evaluations::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Entry* next = nullptr;
    {
      std::unique_lock lock(mutex_);
      const auto find_waiting = [&] {
        const auto found = std::find_if(entries_.rbegin(), entries_.rend(), [](const Entry& each) {
          return each.status.state == EvaluationState::kWaiting;
        });
        next = found == entries_.rend() ? nullptr : &*found;  // entries in work are never dropped
        return next != nullptr;
      };
      if (!wakes_.wait(lock, stop, find_waiting)) return;
    }
    work(*next, stop);
  }
}

void Evaluations::work(Entry& entry, const std::stop_token& stop) {
  using State = EvaluationState;
  if (!is_watched(entry)) return change(entry, [](EvaluationStatus& status) { status.state = State::kLeft; });
  change(entry, [](EvaluationStatus& status) { status.state = State::kWorking; });
  auto told = Clock::now();
  const auto progress = [&](std::int64_t done, std::int64_t total) {
    if (stop.stop_requested() || !is_watched(entry)) throw core::Interrupted("nobody waits for it any more");
    const bool is_time = Clock::now() - told >= options_.tell_every || done == total;
    if (is_time) told = Clock::now();
    const auto set = [&](EvaluationStatus& status) { status.done = done, status.total = total; };
    if (is_time) return change(entry, set);
    const std::lock_guard lock(mutex_);
    set(entry.status);
  };
  try {
    auto result = std::make_shared<const JudgedModelOfPage>(judge_(entry.question, progress));
    change(entry, [&](EvaluationStatus& status) {
      entry.result = std::move(result);
      status.state = State::kDone;
    });
  } catch (const core::Interrupted&) {
    change(entry, [](EvaluationStatus& status) { status.state = State::kLeft; });
  } catch (const std::exception& error) {
    change(entry, [&](EvaluationStatus& status) {
      status.state = State::kFailed;
      status.problem = error.what();
    });
  }
}

}  // namespace margay::studio
