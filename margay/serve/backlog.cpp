#include "margay/serve/backlog.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/predict/compute_threads.h"
#include "margay/serve/predictor.h"
#include "margay/serve/served_model.h"

namespace margay::serve {
namespace {

constexpr double kBytesPerMb = 1024.0 * 1024.0;
constexpr double kNewest = 0.2;  // weight of the latest images in the time of an image

void answer(PendingRequest& pending) {
  try {
    pending.request.done(std::move(pending.reply));
  } catch (...) {  // there is nobody to tell
  }
  pending.request.done = nullptr;
}

}  // namespace

Backlog::Backlog(std::shared_ptr<const ServedModel> model, const QueueOptions& options, int threads, int decoders)
    : options_(options), threads_(threads), decoders_(decoders), model_(std::move(model)) {}

std::optional<Refusal> Backlog::submit(PredictionRequest&& request) {
  check_request(request);
  QueuedImages lost;
  std::optional<Refusal> refusal;
  {
    std::unique_lock lock(mutex_);
    const std::shared_ptr<const ServedModel> model = model_;
    lock.unlock();
    if (model != nullptr) check_tensors(request, model->predictor().pipeline());
    lock.lock();
    refusal = refusal_of(request, model.get(), lost);
    if (refusal) {
      state_.refused += static_cast<std::int64_t>(request.images.size());
    } else {
      accept(std::move(request), model);
    }
  }
  for (QueuedImage& image : lost) settle(image);
  return refusal;
}

void Backlog::set_model(std::shared_ptr<const ServedModel> model) {
  const std::lock_guard lock(mutex_);
  model_.swap(model);  // the one before is freed without the lock, if nobody else has it
}

std::shared_ptr<const ServedModel> Backlog::model() const {
  const std::lock_guard lock(mutex_);
  return model_;
}

void Backlog::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
}

bool Backlog::drain(SteadyClock::time_point until) {
  std::unique_lock lock(mutex_);
  is_closed_ = true;
  const auto is_done = [&] { return state_.images == 0 && answering_ == 0; };
  if (until == SteadyClock::time_point::max()) {
    idle_.wait(lock, is_done);
  } else if (!idle_.wait_until(lock, until, is_done)) {
    drops_all_ = true;
    waiting_came_.notify_all();
    decoded_came_.notify_all();
    return false;
  }
  return true;
}

QueueState Backlog::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Backlog::end() {
  const std::lock_guard lock(mutex_);
  is_closed_ = drops_all_ = ends_ = true;
  waiting_came_.notify_all();
  decoded_came_.notify_all();
}

std::optional<Refusal> Backlog::refusal_of(const PredictionRequest& request, const ServedModel* model,
                                           QueuedImages& lost) {
  const auto images = static_cast<std::int64_t>(request.images.size());
  std::int64_t bytes = 0;
  for (const ImageInput& image : request.images) bytes += bytes_of(image);
  const auto most_bytes = static_cast<std::int64_t>(options_.max_queue_mb * kBytesPerMb);
  if (is_closed_) return Refusal{Refusal::Reason::kStopping, "the queue takes nothing more: it is being stopped"};
  if (model == nullptr) return Refusal{Refusal::Reason::kNotLoaded, "the model is not loaded"};
  if (images > options_.max_queue || bytes > most_bytes) {
    return Refusal{Refusal::Reason::kTooLarge,
                   fmt::format("the request has {} images of {} bytes; the queue takes {} (`max_queue`) of {} MB "
                               "(`max_queue_mb`): send fewer at once",
                               images, bytes, options_.max_queue, options_.max_queue_mb)};
  }
  const auto is_full = [&] { return state_.images + images > options_.max_queue || state_.bytes + bytes > most_bytes; };
  if (is_full()) take_lost(lost);
  const double wait_s = static_cast<double>(state_.images) * state_.image_ms / 1e3;
  const auto refused = [&](const char* why) {
    return Refusal{Refusal::Reason::kFull,
                   fmt::format("{}: {}, about {:.1f} s of work", why,
                               core::counted(state_.images, "image waits", "images wait"), wait_s),
                   std::max(1.0, wait_s)};
  };
  if (is_full()) return refused("the queue is full");
  if (state_.images > 0 && request.deadline != SteadyClock::time_point::max() &&
      SteadyClock::now() + std::chrono::duration<double>(wait_s) > request.deadline)
    return refused("it would be late");
  return std::nullopt;
}

void Backlog::accept(PredictionRequest&& request, std::shared_ptr<const ServedModel> model) {
  auto pending = std::make_shared<PendingRequest>();
  pending->submitted = SteadyClock::now();
  pending->left = request.images.size();
  pending->reply.model = std::move(model);
  pending->reply.images.resize(request.images.size());
  pending->request = std::move(request);
  for (std::size_t i = 0; i < pending->left; ++i) {
    const ImageInput& input = pending->request.images[i];
    pending->reply.images[i].name = input.name;
    waiting_.push_back({.pending = pending, .index = i, .bytes = bytes_of(input)});
    state_.bytes += waiting_.back().bytes;
  }
  state_.images += static_cast<std::int64_t>(pending->left);
  state_.accepted += static_cast<std::int64_t>(pending->left);
  pending->left > 1 ? waiting_came_.notify_all() : waiting_came_.notify_one();
}

/// Moves images that nobody needs any more into `lost`, and counts them.
void Backlog::take_lost(QueuedImages& lost) {
  for (std::deque<QueuedImage>* const images : {&waiting_, &decoded_}) {
    std::deque<QueuedImage> kept;
    for (QueuedImage& image : *images) {
      const std::optional<Outcome> outcome = image.pending->lost(SteadyClock::now());
      if (outcome) image.result().outcome = *outcome;
      (outcome ? lost.emplace_back() : kept.emplace_back()) = std::move(image);
    }
    *images = std::move(kept);
  }
  for (const QueuedImage& image : lost) uncount(image);
  if (!lost.empty()) waiting_came_.notify_all();  // there is room for what waits
}

/// Sets what became of an image whose outcome is not kPredicted for want of time.
bool Backlog::is_lost(QueuedImage& image, SteadyClock::time_point now) const {
  std::optional<Outcome> outcome = image.pending->lost(now);
  if (drops_all_) outcome = Outcome::kStopped;
  if (outcome) image.result().outcome = *outcome;
  return outcome.has_value();
}

std::optional<QueuedImage> Backlog::next_waiting() {
  std::unique_lock lock(mutex_);
  waiting_came_.wait(lock, [&] { return ends_ || (!waiting_.empty() && (drops_all_ || has_room())); });
  if (waiting_.empty()) {
    decoded_came_.notify_all();  // nor will more be decoded
    return std::nullopt;
  }
  QueuedImage image = std::move(waiting_.front());
  waiting_.pop_front();
  if (is_lost(image, SteadyClock::now())) return image;
  ++decoding_;
  if (!rooms_.empty()) {
    image.pixels = std::move(rooms_.back());
    rooms_.pop_back();
  }
  return image;
}

bool Backlog::has_room() const { return decoded_.size() + static_cast<std::size_t>(decoding_) < most_decoded(); }
std::size_t Backlog::most_decoded() const {
  const bool in_batches = model_ != nullptr && !model_->predictor().device().is_cpu();
  return 2 * static_cast<std::size_t>(in_batches ? options_.max_batch : threads_) + 2;
}

void Backlog::end_decoding(QueuedImage&& image) {
  const bool is_decoded = image.result().outcome == Outcome::kPredicted;
  {
    const std::lock_guard lock(mutex_);
    --decoding_;
    if (!is_decoded) rooms_.push_back(std::move(image.pixels));
    if (is_decoded) decoded_.push_back(std::move(image));
  }
  decoded_came_.notify_all();  // one decoder less may end its waiting, too
  if (!is_decoded) finish(image);
}

/// The device of the first decoded image.
bool Backlog::is_on_cpu() const { return decoded_.front().model().predictor().device().is_cpu(); }
int Backlog::images_in_sight() const {
  return static_cast<int>(waiting_.size() + decoded_.size()) + decoding_ + computing_;
}
/// Threads that compute an image each are worth it where all of them get one; a lone image gets all threads.
bool Backlog::fills_threads() const {
  const int useful = std::min({threads_, predict::kUsefulThreads, options_.max_batch});
  return useful > 1 && images_in_sight() >= useful;
}
bool Backlog::may_join() const {
  return !decoded_.empty() && computing_ < options_.max_batch && is_on_cpu() && fills_threads();
}

bool Backlog::await_decoded() {
  std::unique_lock lock(mutex_);
  decoded_came_.wait(lock, [&] { return !decoded_.empty() || (ends_ && waiting_.empty() && decoding_ == 0); });
  return !decoded_.empty();
}

bool Backlog::is_side_by_side() const {
  const std::lock_guard lock(mutex_);
  return may_join();
}

/// For threads that compute an image each: no further one is on its way to them.
bool Backlog::may_part() const {
  if (computing_ > 0) return false;
  return decoded_.empty() ? !fills_threads() : !may_join();
}

std::optional<QueuedImage> Backlog::next_of_thread() {
  std::unique_lock lock(mutex_);
  while (true) {
    decoded_came_.wait(lock, [&] { return may_join() || may_part(); });
    if (!may_join()) return std::nullopt;
    QueuedImage image = std::move(decoded_.front());
    decoded_.pop_front();
    waiting_came_.notify_one();  // there is room
    if (!is_lost(image, SteadyClock::now())) {
      image.result().times.batch_size = ++computing_;
      return image;
    }
    lock.unlock();
    finish(image);
    lock.lock();
  }
}

void Backlog::end_computing(int images) {
  const std::lock_guard lock(mutex_);
  computing_ -= images;
  if (computing_ == 0) decoded_came_.notify_all();
}

QueuedImages Backlog::take_batch() {
  QueuedImages batch;
  std::unique_lock lock(mutex_);
  if (decoded_.empty()) return batch;  // nobody waits for them any more
  const std::size_t limit = is_on_cpu() ? 1 : static_cast<std::size_t>(options_.max_batch);
  const auto patience = std::chrono::duration<double, std::milli>(options_.max_delay_ms);
  const auto until = decoded_.front().decoded + std::chrono::duration_cast<SteadyClock::duration>(patience);
  decoded_came_.wait_until(lock, until,
                           [&] { return drops_all_ || decoded_.size() >= limit || decoding_ < decoders_; });
  if (decoded_.empty()) return batch;
  const ServedModel* const model = &decoded_.front().model();
  while (!decoded_.empty() && batch.size() < limit && &decoded_.front().model() == model) {
    batch.push_back(std::move(decoded_.front()));
    decoded_.pop_front();
  }
  const SteadyClock::time_point now = SteadyClock::now();
  for (QueuedImage& image : batch) is_lost(image, now);  // notes it
  computing_ += static_cast<int>(batch.size());
  waiting_came_.notify_all();  // there is room
  return batch;
}

void Backlog::note_computed(double image_ms) {
  const std::lock_guard lock(mutex_);
  ++state_.batches;
  state_.image_ms = state_.image_ms == 0 ? image_ms : (1 - kNewest) * state_.image_ms + kNewest * image_ms;
}

void Backlog::give_back(QueuedImage& image) {
  const std::lock_guard lock(mutex_);
  if (rooms_.size() < most_decoded()) rooms_.push_back(std::move(image.pixels));
}

/// Makes room for another image.
void Backlog::uncount(const QueuedImage& image) {
  count(image.result().outcome);
  --state_.images;
  state_.bytes -= image.bytes;
  ++answering_;
  if (image.result().outcome != Outcome::kPredicted) decoded_came_.notify_all();  // threads may wait for it
}

void Backlog::finish(QueuedImage& image) {
  {
    const std::lock_guard lock(mutex_);
    uncount(image);
  }
  settle(image);
}

/// Answers the request after its last image.
void Backlog::settle(QueuedImage& image) {
  const PredictedImage& result = image.result();
  if (result.problem.empty() && result.outcome != Outcome::kPredicted) image.tell_lost();
  std::unique_lock lock(mutex_);
  const bool is_last = --image.pending->left == 0;
  lock.unlock();
  if (is_last) answer(*image.pending);
  lock.lock();
  --answering_;
  if (state_.images == 0 && answering_ == 0) idle_.notify_all();
}

void Backlog::count(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPredicted:
      ++state_.predicted;
      return;
    case Outcome::kUnreadable:
      ++state_.unreadable;
      return;
    case Outcome::kExpired:
    case Outcome::kCancelled:
      ++state_.expired;
      return;
    default:
      ++state_.failed;
  }
}

}  // namespace margay::serve
