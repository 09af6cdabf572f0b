#include "margay/serve/prediction_queue.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <torch/types.h>
#include <unistd.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/threads.h"
#include "margay/model/cpu_threads.h"
#include "margay/predict/compute_threads.h"
#include "margay/serve/predictor.h"
#include "margay/serve/queued_image.h"
#include "margay/serve/served_model.h"

namespace margay::serve {
namespace {

using QueuedImages = std::vector<QueuedImage>;

constexpr double kBytesPerMb = 1024.0 * 1024.0;
constexpr double kNewest = 0.2;  // weight of the latest images in the time of an image

double ms_between(SteadyClock::time_point from, SteadyClock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// Of this thread, and of those that it starts. A system that refuses only answers later.
void add_nice(int nice) {
  const auto self = static_cast<id_t>(::gettid());
  if (nice > 0) ::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + nice);
}

}  // namespace

class PredictionQueue::State {
 public:
  State(std::shared_ptr<const ServedModel> model, const QueueOptions& options)
      : options_(options),
        threads_(at::get_num_threads()),
        decoders_(std::clamp(options.threads.value_or(core::default_threads()), 1, 512)),
        model_(std::move(model)) {
    core::validate(options_);
    running_ = core::start_threads(decoders_, [this](const std::stop_token&) { decode_images(); });
    const std::size_t decoding = running_.size();
    for (std::jthread& thread : core::start_threads(1, [this](const std::stop_token&) { compute_images(); }))
      running_.push_back(std::move(thread));
    if (decoding > 0 && running_.size() > decoding) return;
    end();
    throw core::Error("[prediction_queue] the system gives no more threads; end other programs, or raise the limit");
  }
  ~State() { end(); }

  std::optional<Refusal> submit(PredictionRequest&& request) {
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

  void set_model(std::shared_ptr<const ServedModel> model) {
    const std::lock_guard lock(mutex_);
    model_.swap(model);  // the one before is freed without the lock, if nobody else has it
  }

  std::shared_ptr<const ServedModel> model() const {
    const std::lock_guard lock(mutex_);
    return model_;
  }

  void close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
  }

  bool drain(SteadyClock::time_point until) {
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

  QueueState state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }
  const QueueOptions& options() const { return options_; }

 private:
  // These two are called under the lock.
  std::optional<Refusal> refusal_of(const PredictionRequest& request, const ServedModel* model, QueuedImages& lost) {
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
    const auto is_full = [&] {
      return state_.images + images > options_.max_queue || state_.bytes + bytes > most_bytes;
    };
    if (is_full()) take_lost(lost);
    const double wait_s = static_cast<double>(state_.images) * state_.image_ms / 1e3;
    const std::string waiting =
        fmt::format("{}, about {:.1f} s of work", core::counted(state_.images, "image waits", "images wait"), wait_s);
    const double retry_s = std::max(1.0, wait_s);
    if (is_full()) return Refusal{Refusal::Reason::kFull, "the queue is full: " + waiting, retry_s};
    if (state_.images > 0 && request.deadline != SteadyClock::time_point::max() &&
        SteadyClock::now() + std::chrono::duration<double>(wait_s) > request.deadline)
      return Refusal{Refusal::Reason::kFull, "it would be late: " + waiting, retry_s};
    return std::nullopt;
  }

  void accept(PredictionRequest&& request, std::shared_ptr<const ServedModel> model) {
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
  void take_lost(QueuedImages& lost) {
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
  bool is_lost(QueuedImage& image, SteadyClock::time_point now) {
    std::optional<Outcome> outcome = image.pending->lost(now);
    if (drops_all_) outcome = Outcome::kStopped;
    if (outcome) image.result().outcome = *outcome;
    return outcome.has_value();
  }

  void decode_images() {
    add_nice(options_.nice);
    while (std::optional<QueuedImage> image = next_waiting()) {
      if (image->result().outcome != Outcome::kPredicted) {
        finish(*image);
        continue;
      }
      const SteadyClock::time_point begun = SteadyClock::now();
      PredictedImage& result = image->result();
      result.times.queued_ms = ms_between(image->pending->submitted, begun);
      try {
        image->decode();
      } catch (const std::exception& error) {
        image->fail(error);
      }
      image->decoded = SteadyClock::now();
      result.times.decoded_ms = ms_between(begun, image->decoded);
      end_decoding(std::move(*image));
    }
    decoded_came_.notify_all();
  }

  /// Waits; nothing at the end. An image that is not worth decoding comes with its outcome.
  std::optional<QueuedImage> next_waiting() {
    std::unique_lock lock(mutex_);
    waiting_came_.wait(lock, [&] { return ends_ || (!waiting_.empty() && (drops_all_ || has_room())); });
    if (waiting_.empty()) return std::nullopt;
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

  bool has_room() const { return decoded_.size() + static_cast<std::size_t>(decoding_) < most_decoded(); }
  std::size_t most_decoded() const {
    const bool in_batches = model_ != nullptr && !model_->predictor().device().is_cpu();
    return 2 * static_cast<std::size_t>(in_batches ? options_.max_batch : threads_) + 2;
  }

  void end_decoding(QueuedImage&& image) {
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

  void compute_images() {
    add_nice(options_.nice);
    model::use_cpu_threads(threads_);
    inputs_.resize(static_cast<std::size_t>(std::max(1, threads_)));
    warm_threads();
    while (await_decoded()) {
      if (is_side_by_side()) {
        predict::on_each_thread([this] { compute_one_by_one(); });
      } else {
        compute_batch();
      }
    }
  }

  /// In one of several threads: each takes the next image as soon as it is free, and answers it when it is done.
  void compute_one_by_one() {
    while (std::optional<QueuedImage> image = next_of_thread()) {
      compute(std::span(&*image, 1), SteadyClock::now(), image->result().times.batch_size);
      give_back(*image);
      end_computing(1);
      finish(*image);
    }
  }

  void compute_batch() {
    QueuedImages batch;
    take_batch(batch);
    const SteadyClock::time_point now = SteadyClock::now();
    const auto computed =
        std::stable_partition(batch.begin(), batch.end(), [&](QueuedImage& each) { return !is_lost(each, now); });
    const auto count = static_cast<std::size_t>(computed - batch.begin());
    if (count > 0) compute(std::span(batch).first(count), now, static_cast<int>(count));
    for (QueuedImage& image : batch) give_back(image);
    end_computing(static_cast<int>(batch.size()));
    for (QueuedImage& image : batch) finish(image);
  }

  /// The threads of the first batch touch their memory before anybody waits.
  void warm_threads() {
    const std::shared_ptr<const ServedModel> model = this->model();
    if (model == nullptr) return;
    try {
      model->predictor().warm_up(threads_);
    } catch (const std::exception&) {  // the first request will meet it, and tell
    }
  }

  // Up to may_part() called under the lock.
  /// The device of the first decoded image.
  bool is_on_cpu() const { return decoded_.front().model().predictor().device().is_cpu(); }
  int images_in_sight() const { return static_cast<int>(waiting_.size() + decoded_.size()) + decoding_ + computing_; }
  /// Threads that compute an image each are worth it where all of them get one; a lone image gets all threads.
  bool fills_threads() const {
    const int useful = std::min({threads_, predict::kUsefulThreads, options_.max_batch});
    return useful > 1 && images_in_sight() >= useful;
  }
  bool may_join() const {
    return !decoded_.empty() && computing_ < options_.max_batch && is_on_cpu() && fills_threads();
  }

  /// False at the end.
  bool await_decoded() {
    std::unique_lock lock(mutex_);
    decoded_came_.wait(lock, [&] { return !decoded_.empty() || (ends_ && waiting_.empty() && decoding_ == 0); });
    return !decoded_.empty();
  }

  bool is_side_by_side() const {
    const std::lock_guard lock(mutex_);
    return may_join();
  }

  /// For threads that compute an image each: no further one is on its way to them.
  bool may_part() const {
    if (computing_ > 0) return false;
    return decoded_.empty() ? !fills_threads() : !may_join();
  }

  /// Waits while images are on their way; nothing when there is none for this thread.
  std::optional<QueuedImage> next_of_thread() {
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

  void end_computing(int images) {
    const std::lock_guard lock(mutex_);
    computing_ -= images;
    if (computing_ == 0) decoded_came_.notify_all();
  }

  /// What of the decoded images is computed together: all of one model where that is faster, as on a GPU.
  void take_batch(QueuedImages& batch) {
    std::unique_lock lock(mutex_);
    if (decoded_.empty()) return;  // nobody waits for them any more
    const std::size_t limit = is_on_cpu() ? 1 : static_cast<std::size_t>(options_.max_batch);
    const auto patience = std::chrono::duration<double, std::milli>(options_.max_delay_ms);
    const auto until = decoded_.front().decoded + std::chrono::duration_cast<SteadyClock::duration>(patience);
    decoded_came_.wait_until(lock, until,
                             [&] { return drops_all_ || decoded_.size() >= limit || decoding_ < decoders_; });
    if (decoded_.empty()) return;
    const ServedModel* const model = &decoded_.front().model();
    while (!decoded_.empty() && batch.size() < limit && &decoded_.front().model() == model) {
      batch.push_back(std::move(decoded_.front()));
      decoded_.pop_front();
    }
    computing_ += static_cast<int>(batch.size());
    waiting_came_.notify_all();  // there is room
  }

  /// at_once: images that the processor computes meanwhile, these too.
  void compute(std::span<QueuedImage> batch, SteadyClock::time_point begun, int at_once) {
    try {
      const predict::Predictions predictions = batch[0].model().predictor().predict_inputs(inputs_of(batch));
      for (std::size_t i = 0; i < batch.size(); ++i) batch[i].take_outputs(predictions, static_cast<std::int64_t>(i));
    } catch (const std::exception& error) {
      if (batch.size() == 1) batch[0].fail(error);
      if (batch.size() > 1) return compute_apart(batch);
    }
    note_times(batch, begun, at_once);
  }

  /// So that what one image brings about hurts no other.
  void compute_apart(std::span<QueuedImage> batch) {
    for (std::size_t i = 0; i < batch.size(); ++i) compute(batch.subspan(i, 1), SteadyClock::now(), 1);
  }

  void note_times(std::span<QueuedImage> batch, SteadyClock::time_point begun, int at_once) {
    const SteadyClock::time_point now = SteadyClock::now();
    for (QueuedImage& image : batch) {
      PredictionTimes& times = image.result().times;
      times.waited_ms = ms_between(image.decoded, begun);
      times.computed_ms = ms_between(begun, now);
      times.batch_size = at_once;
    }
    const double image_ms = ms_between(begun, now) / at_once;
    const std::lock_guard lock(mutex_);
    ++state_.batches;
    state_.image_ms = state_.image_ms == 0 ? image_ms : (1 - kNewest) * state_.image_ms + kNewest * image_ms;
  }

  /// float [N,3,size,size], in memory that all batches of this thread use.
  torch::Tensor inputs_of(std::span<const QueuedImage> batch) {
    const Predictor& predictor = batch[0].model().predictor();
    const std::int64_t side = predictor.pipeline().output_size();
    const auto count = static_cast<std::int64_t>(batch.size());
    torch::Tensor& inputs = inputs_[static_cast<std::size_t>(at::get_thread_num())];
    if (!inputs.defined() || inputs.size(0) < count || inputs.size(1) != side)
      inputs = torch::empty({count, side, side, 3});
    auto* room = inputs.data_ptr<float>();
    for (const QueuedImage& image : batch) room = std::copy(image.pixels.begin(), image.pixels.end(), room);
    return inputs.slice(0, 0, count).permute({0, 3, 1, 2}).to(predictor.device());
  }

  /// The image's memory, for the next ones.
  void give_back(QueuedImage& image) {
    const std::lock_guard lock(mutex_);
    if (rooms_.size() < most_decoded()) rooms_.push_back(std::move(image.pixels));
  }

  /// Makes room for another image. Called under the lock.
  void uncount(const QueuedImage& image) {
    count(image.result().outcome);
    --state_.images;
    state_.bytes -= image.bytes;
    ++answering_;
    if (image.result().outcome != Outcome::kPredicted) decoded_came_.notify_all();  // threads may wait for it
  }

  void finish(QueuedImage& image) {
    {
      const std::lock_guard lock(mutex_);
      uncount(image);
    }
    settle(image);
  }

  /// Answers the request after its last image.
  void settle(QueuedImage& image) {
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

  void count(Outcome outcome) {
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

  static void answer(PendingRequest& pending) {
    try {
      pending.request.done(std::move(pending.reply));
    } catch (...) {  // there is nobody to tell
    }
    pending.request.done = nullptr;
  }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      is_closed_ = drops_all_ = ends_ = true;
    }
    waiting_came_.notify_all();
    decoded_came_.notify_all();
    running_.clear();
  }

  const QueueOptions options_;
  const int threads_;   ///< of LibTorch within the network
  const int decoders_;  ///< threads that decode

  mutable std::mutex mutex_;              // of all below but inputs_ and running_
  std::condition_variable waiting_came_;  ///< or room for another decoded image, or the end
  std::condition_variable decoded_came_;  ///< or a decoder is free, or the end
  std::condition_variable idle_;          ///< all is answered
  std::shared_ptr<const ServedModel> model_;
  std::deque<QueuedImage> waiting_;
  std::deque<QueuedImage> decoded_;
  std::vector<PixelRoom> rooms_;  ///< of images that are done
  int decoding_ = 0;
  int computing_ = 0;
  int answering_ = 0;
  bool is_closed_ = false;
  bool drops_all_ = false;  ///< what is not begun
  bool ends_ = false;       ///< the threads, when nothing is left
  QueueState state_;

  std::vector<torch::Tensor> inputs_;  // of each computing thread
  std::vector<std::jthread> running_;  ///< last, so that they end first
};

PredictionQueue::PredictionQueue(std::shared_ptr<const ServedModel> model, const QueueOptions& options)
    : state_(std::make_unique<State>(std::move(model), options)) {}

PredictionQueue::~PredictionQueue() = default;

std::optional<Refusal> PredictionQueue::submit(PredictionRequest&& request) {
  return state_->submit(std::move(request));
}

PredictionReply PredictionQueue::predict(PredictionRequest request) {
  const auto promise = std::make_shared<std::promise<PredictionReply>>();  // the one who answers may outlive this call
  request.done = [promise](PredictionReply&& reply) { promise->set_value(std::move(reply)); };
  const std::optional<Refusal> refusal = submit(std::move(request));
  if (refusal) throw core::Error("[predict] " + refusal->text);
  return promise->get_future().get();
}

void PredictionQueue::set_model(std::shared_ptr<const ServedModel> model) { state_->set_model(std::move(model)); }
std::shared_ptr<const ServedModel> PredictionQueue::model() const { return state_->model(); }
void PredictionQueue::close() { state_->close(); }
bool PredictionQueue::drain(SteadyClock::time_point until) { return state_->drain(until); }
QueueState PredictionQueue::state() const { return state_->state(); }
const QueueOptions& PredictionQueue::options() const { return state_->options(); }

const core::OptionTable& QueueOptions::fields() {
  static const core::OptionTable table(
      "queue",
      {core::field<&QueueOptions::max_batch>(
           "max_batch", "the most images that are computed at once; a CPU computes one for each thread", {1, 4096}),
       core::field<&QueueOptions::max_delay_ms>(
           "max_delay_ms", "a GPU: the longest that an image waits for others to be computed with", {0, 1000}),
       core::field<&QueueOptions::max_queue>(
           "max_queue", "images that may wait in a model's queue; further requests are refused at once", {1, 1e6}),
       core::field<&QueueOptions::max_queue_mb>("max_queue_mb", "memory that these may take, encoded, in MB",
                                                {1, 1e6})});
  return table;
}

}  // namespace margay::serve
