#include "margay/serve/prediction_queue.h"

#include <algorithm>
#include <future>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <torch/types.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/core/threads.h"
#include "margay/model/cpu_threads.h"
#include "margay/predict/compute_threads.h"
#include "margay/serve/backlog.h"
#include "margay/serve/predictor.h"
#include "margay/serve/served_model.h"

namespace margay::serve {
namespace {

double ms_between(SteadyClock::time_point from, SteadyClock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// Of this thread, and of those that it starts. A system that refuses only answers later.
void add_nice(int nice) {
  const auto self = static_cast<id_t>(::gettid());
  if (nice > 0) ::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + nice);
}

}  // namespace

/// The threads that decode and compute what the backlog gives them.
class PredictionQueue::State {
 public:
  State(std::shared_ptr<const ServedModel> model, const QueueOptions& options)
      : threads_(at::get_num_threads()),
        decoders_(std::clamp(options.threads.value_or(core::default_threads()), 1, 512)),
        backlog_(std::move(model), options, threads_, decoders_) {
    core::validate(options);
    running_ = core::start_threads(decoders_, [this](const std::stop_token&) { decode_images(); });
    const std::size_t decoding = running_.size();
    for (std::jthread& thread : core::start_threads(1, [this](const std::stop_token&) { compute_images(); }))
      running_.push_back(std::move(thread));
    if (decoding > 0 && running_.size() > decoding) return;
    end();
    throw core::Error("[prediction_queue] the system gives no more threads; end other programs, or raise the limit");
  }
  ~State() { end(); }

  Backlog& backlog() { return backlog_; }
  const Backlog& backlog() const { return backlog_; }

 private:
  void decode_images() {
    add_nice(backlog_.options().nice);
    while (std::optional<QueuedImage> image = backlog_.next_waiting()) {
      if (image->result().outcome != Outcome::kPredicted) {
        backlog_.finish(*image);
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
      backlog_.end_decoding(std::move(*image));
    }
  }

  void compute_images() {
    add_nice(backlog_.options().nice);
    model::use_cpu_threads(threads_);
    inputs_.resize(static_cast<std::size_t>(std::max(1, threads_)));
    warm_threads();
    while (backlog_.await_decoded()) {
      if (backlog_.is_side_by_side()) {
        predict::on_each_thread([this] { compute_one_by_one(); });
      } else {
        compute_batch();
      }
    }
  }

  /// In one of several threads: each takes the next image as soon as it is free, and answers it when it is done.
  void compute_one_by_one() {
    while (std::optional<QueuedImage> image = backlog_.next_of_thread()) {
      compute(std::span(&*image, 1), SteadyClock::now(), image->result().times.batch_size);
      backlog_.give_back(*image);
      backlog_.end_computing(1);
      backlog_.finish(*image);
    }
  }

  void compute_batch() {
    QueuedImages batch = backlog_.take_batch();
    const auto lost = std::stable_partition(batch.begin(), batch.end(), [](const QueuedImage& each) {
      return each.result().outcome == Outcome::kPredicted;
    });
    const auto count = static_cast<std::size_t>(lost - batch.begin());
    if (count > 0) compute(std::span(batch).first(count), SteadyClock::now(), static_cast<int>(count));
    for (QueuedImage& image : batch) backlog_.give_back(image);
    backlog_.end_computing(static_cast<int>(batch.size()));
    for (QueuedImage& image : batch) backlog_.finish(image);
  }

  /// The threads of the first batch touch their memory before anybody waits.
  void warm_threads() {
    const std::shared_ptr<const ServedModel> model = backlog_.model();
    if (model == nullptr) return;
    try {
      model->predictor().warm_up(threads_);
    } catch (const std::exception&) {  // the first request will meet it, and tell
    }
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
    backlog_.note_computed(ms_between(begun, now) / at_once);
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

  void end() {
    backlog_.end();
    running_.clear();
  }

  const int threads_;   ///< of LibTorch within the network
  const int decoders_;  ///< threads that decode
  Backlog backlog_;
  std::vector<torch::Tensor> inputs_;  // of each computing thread
  std::vector<std::jthread> running_;  ///< last, so that they end first
};

PredictionQueue::PredictionQueue(std::shared_ptr<const ServedModel> model, const QueueOptions& options)
    : state_(std::make_unique<State>(std::move(model), options)) {}

PredictionQueue::~PredictionQueue() = default;

std::optional<Refusal> PredictionQueue::submit(PredictionRequest&& request) {
  return state_->backlog().submit(std::move(request));
}

PredictionReply PredictionQueue::predict(PredictionRequest request) {
  const auto promise = std::make_shared<std::promise<PredictionReply>>();  // the one who answers may outlive this call
  request.done = [promise](PredictionReply&& reply) { promise->set_value(std::move(reply)); };
  const std::optional<Refusal> refusal = submit(std::move(request));
  if (refusal) throw core::Error("[predict] " + refusal->text);
  return promise->get_future().get();
}

void PredictionQueue::set_model(std::shared_ptr<const ServedModel> model) {
  state_->backlog().set_model(std::move(model));
}
std::shared_ptr<const ServedModel> PredictionQueue::model() const { return state_->backlog().model(); }
void PredictionQueue::close() { state_->backlog().close(); }
bool PredictionQueue::drain(SteadyClock::time_point until) { return state_->backlog().drain(until); }
QueueState PredictionQueue::state() const { return state_->backlog().state(); }
const QueueOptions& PredictionQueue::options() const { return state_->backlog().options(); }

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
