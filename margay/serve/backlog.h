#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "margay/serve/prediction_queue.h"
#include "margay/serve/queued_image.h"

namespace margay::serve {

using QueuedImages = std::vector<QueuedImage>;

/// The images between their submission and their answer: what waits, is decoded and is being computed, under one lock.
/// The threads of a PredictionQueue take from it and give back to it; which image comes next is decided here.
class Backlog {
 public:
  /// threads: that compute, each an image, or all one. decoders: threads that decode.
  Backlog(std::shared_ptr<const ServedModel> model, const QueueOptions& options, int threads, int decoders);

  // As PredictionQueue's.
  std::optional<Refusal> submit(PredictionRequest&& request);
  void set_model(std::shared_ptr<const ServedModel> model);
  std::shared_ptr<const ServedModel> model() const;
  void close();
  bool drain(SteadyClock::time_point until);
  QueueState state() const;
  const QueueOptions& options() const { return options_; }
  /// Drops what is not begun; the threads get nothing more.
  void end();

  /// Waits; nothing at the end. An image that is not worth decoding comes with its outcome.
  std::optional<QueuedImage> next_waiting();
  void end_decoding(QueuedImage&& image);

  /// Waits for a decoded image. False at the end.
  bool await_decoded();
  /// Whether each thread computes an image of its own now.
  bool is_side_by_side() const;
  /// For such a thread. Waits while images are on their way; nothing when there is none for it.
  std::optional<QueuedImage> next_of_thread();
  /// What of the decoded images is computed together: all of one model where that is faster, as on a GPU. Those that
  /// are not worth it come with their outcome.
  QueuedImages take_batch();
  /// image_ms: what an image of a batch took, by the number that are computed at once.
  void note_computed(double image_ms);
  /// The image's memory, for the next ones.
  void give_back(QueuedImage& image);
  void end_computing(int images);

  /// Counts the image's outcome, and answers its request after the last one.
  void finish(QueuedImage& image);

 private:
  // Called under the lock.
  std::optional<Refusal> refusal_of(const PredictionRequest& request, const ServedModel* model, QueuedImages& lost);
  void accept(PredictionRequest&& request, std::shared_ptr<const ServedModel> model);
  void take_lost(QueuedImages& lost);
  bool is_lost(QueuedImage& image, SteadyClock::time_point now) const;
  bool has_room() const;
  std::size_t most_decoded() const;
  bool is_on_cpu() const;
  int images_in_sight() const;
  bool fills_threads() const;
  bool may_join() const;
  bool may_part() const;
  void uncount(const QueuedImage& image);
  void count(Outcome outcome);

  void settle(QueuedImage& image);

  const QueueOptions options_;
  const int threads_;
  const int decoders_;

  mutable std::mutex mutex_;              // of all below
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
};

}  // namespace margay::serve
