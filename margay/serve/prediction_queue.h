#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "margay/core/options.h"
#include "margay/serve/prediction_request.h"

namespace margay::serve {

struct QueueOptions {
  int max_batch = 64;
  double max_delay_ms = 2;
  int max_queue = 256;
  int max_queue_mb = 512;

  // Not in the table: the program's.
  std::optional<int> threads;  ///< that decode; by default core::default_threads()
  int nice = 0;                ///< what is added to their nice value, 0 … 19, so that threads that answer come first

  static const core::OptionTable& fields();
};

/// What a queue did and holds at this moment.
struct QueueState {
  std::int64_t images = 0;    ///< accepted and not answered
  std::int64_t bytes = 0;     ///< of these
  std::int64_t accepted = 0;  ///< images, since the queue began, as the next
  std::int64_t predicted = 0;
  std::int64_t unreadable = 0;
  std::int64_t expired = 0;  ///< or cancelled
  std::int64_t failed = 0;
  std::int64_t refused = 0;  ///< images of requests that were not accepted
  std::int64_t batches = 0;  ///< on a CPU an image is one
  double image_ms = 0;       ///< time an image takes when all threads are busy, lately: 1 / throughput
};

/// The images of many requests, before one network at a time: they are decoded by a fixed number of threads while the
/// network computes others, and computed as batches of what has come together. No thread and no buffer is made for a
/// request. What an image's logits are does not depend on its companions, nor on what batches it was in: on a CPU they
/// are the same bits as Predictor's.
///
/// The network is computed by as many threads as LibTorch is set to (model::use_cpu_threads) where the queue is made.
/// Only that number can change the bits (predict::ImageByImage says how), so who compares a queue with a Predictor
/// sets the same for both; QueueOptions::threads changes none.
///
/// On a CPU each thread computes the first decoded image as soon as it is free, and answers it when it is done; where
/// there are fewer images than threads, one after the other gets all of them. Elsewhere a batch is what has come until
/// the device is free; only while all threads are busy decoding images that could join does it wait, at most
/// max_delay_ms. An image whose deadline has passed, or whose request was cancelled, is dropped
/// before it costs anything. A broken image is told as such and hurts no other. All functions may be called from
/// several threads.
class PredictionQueue {
 public:
  /// model: null: requests are refused (kNotLoaded) until set_model. Throws std::invalid_argument for options out of
  /// range, core::Error where the system gives no thread.
  explicit PredictionQueue(std::shared_ptr<const ServedModel> model, const QueueOptions& options = {});
  PredictionQueue(const PredictionQueue&) = delete;
  PredictionQueue& operator=(const PredictionQueue&) = delete;
  /// Stops, without waiting for what is not begun: those images are kStopped.
  ~PredictionQueue();

  /// Takes the images and returns at once: nothing, or why they are not taken, in which case `request` is unchanged.
  /// Throws std::invalid_argument for a request without images or `done`, and for tensors of another size than the
  /// model's.
  std::optional<Refusal> submit(PredictionRequest&& request);

  /// Waits for the reply. For programs without callbacks; throws core::Error with the refusal's text.
  PredictionReply predict(PredictionRequest request);

  /// Requests from now on are predicted by this model, those accepted before by the one before. Null: none.
  void set_model(std::shared_ptr<const ServedModel> model);
  std::shared_ptr<const ServedModel> model() const;

  /// Refuses requests from now on (kStopping); those accepted are answered.
  void close();
  /// Closes the queue and waits until all accepted ones are answered, or until `until`; those that are
  /// then left are answered as kStopped as soon as the threads come to them. Returns whether all were answered in time.
  bool drain(SteadyClock::time_point until = SteadyClock::time_point::max());

  QueueState state() const;
  const QueueOptions& options() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace margay::serve
