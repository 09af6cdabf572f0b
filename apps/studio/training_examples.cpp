#include "apps/studio/training_examples.h"

#include <algorithm>
#include <utility>

#include "margay/core/error.h"
#include "margay/run/training_features.h"

namespace margay::studio {

using State = ExamplesStatus::State;

TrainingExamples::TrainingExamples(Collect collect, Tell tell)
    : collect_(std::move(collect)),
      tell_(std::move(tell)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

TrainingExamples::~TrainingExamples() { thread_.request_stop(); }

std::shared_ptr<TrainingExamples::Entry> TrainingExamples::find(const std::string& id) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& each) { return each->model.id == id; });
  return found == entries_.end() ? nullptr : *found;
}

std::shared_ptr<TrainingExamples::Entry> TrainingExamples::find_current(const ListedModel& model) const {
  const std::shared_ptr<Entry> entry = find(model.id);
  return entry && entry->model.stamp == model.stamp ? entry : nullptr;
}

ExamplesStatus TrainingExamples::begin(const ListedModel& model) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Entry> entry = find(model.id);
  const bool is_current = entry && entry->is_wanted && entry->model.stamp == model.stamp &&
                          (entry->status.state == State::kWorking || entry->status.state == State::kReady);
  if (is_current) return entry->status;
  if (entry) entry->is_wanted = false;
  std::erase(entries_, entry);
  entry = std::make_shared<Entry>();
  entry->model = model;
  entry->status.state = State::kWorking;
  entries_.push_front(entry);
  if (entries_.size() > kKept) {
    entries_.back()->is_wanted = false;
    entries_.pop_back();
  }
  wakes_.notify_all();
  return entry->status;
}

void TrainingExamples::stop(const std::string& model) {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Entry> entry = find(model);
  if (!entry || entry->status.state != State::kWorking) return;
  entry->is_wanted = false;
  std::erase(entries_, entry);
}

ExamplesStatus TrainingExamples::status(const ListedModel& model) const {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Entry> entry = find_current(model);
  return entry ? entry->status : ExamplesStatus();
}

TrainingExamples::Features TrainingExamples::features(const ListedModel& model) const {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Entry> entry = find_current(model);
  return entry ? entry->features : nullptr;
}

void TrainingExamples::change(Entry& entry, const std::function<void(Entry&)>& how) {
  ExamplesStatus now;
  {
    const std::lock_guard lock(mutex_);
    how(entry);
    now = entry.status;
  }
  tell_(entry.model.id, now);
}

void TrainingExamples::run(const std::stop_token& stop) {
  while (true) {
    std::shared_ptr<Entry> next;
    {
      std::unique_lock lock(mutex_);
      const auto find_begun = [&] {
        const auto found = std::find_if(entries_.rbegin(), entries_.rend(),
                                        [](const auto& each) { return each->status.state == State::kWorking; });
        next = found == entries_.rend() ? nullptr : *found;
        return next != nullptr;
      };
      if (!wakes_.wait(lock, stop, find_begun) || stop.stop_requested()) return;
    }
    work(next, stop);
  }
}

void TrainingExamples::work(const std::shared_ptr<Entry>& entry, const std::stop_token& stop) {
  const auto progress = [&](std::int64_t done, std::int64_t total) {
    bool is_wanted = false;
    change(*entry, [&](Entry& now) {
      is_wanted = now.is_wanted;
      now.status.done = done, now.status.total = total;
    });
    if (stop.stop_requested() || !is_wanted) throw core::Interrupted("nobody asks for it any more");
  };
  try {
    Features features = collect_(entry->model, progress);
    change(*entry, [&](Entry& now) {
      now.status.state = State::kReady;
      now.status.reason = features->reason();
      now.status.warnings = features->warnings();
      now.features = std::move(features);
    });
  } catch (const core::Interrupted&) {
    change(*entry, [](Entry& now) { now.status.state = State::kNone; });
  } catch (const std::exception& error) {
    change(*entry, [&](Entry& now) {
      now.status.state = State::kFailed;
      now.status.problem = error.what();
    });
  }
}

}  // namespace margay::studio
