#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

namespace margay::serve {

/// An encoded image, in any format that data::read_image knows. Shared, so that it is not copied on its way.
using ImageBytes = std::shared_ptr<const std::vector<std::uint8_t>>;

/// A decoded image as the network takes it: float [3,size,size], normalised, row-major, the channel first.
using ImageTensor = std::vector<float>;

/// An image to predict, and what it is called in messages.
struct ImageInput {
  std::string name;
  std::variant<ImageBytes, ImageTensor> content;
};

/// What became of an image.
enum class Outcome {
  kPredicted,
  kUnreadable,  ///< the image is at fault: its sender's mistake
  kExpired,     ///< its deadline passed before it was computed
  kCancelled,   ///< nobody waits for it any more
  kStopped,     ///< the queue was stopped before it was computed
  kFailed       ///< the machine is at fault, such as no memory, or we are
};

/// Where an image's time went, milliseconds.
struct PredictionTimes {
  double queued_ms = 0;    ///< from submit until its decoding began
  double decoded_ms = 0;   ///< reading it and its transforms
  double waited_ms = 0;    ///< decoded, until its batch began
  double computed_ms = 0;  ///< from there until its outputs were there
  int batch_size = 0;      ///< images that were computed at the same time, this one too
};

/// The outputs for an image, or why there are none.
struct PredictedImage {
  std::string name;
  Outcome outcome = Outcome::kPredicted;
  std::string problem;                 ///< names the image; "" where it was predicted
  std::vector<float> logits;           ///< [K], the network's own; [] unless predicted, as the next
  std::vector<float> probabilities;    ///< [K], calibrated unless the predictor says `raw`
  std::optional<double> p_known;       ///< UnknownDetector::p_known, of bundles that have one
  std::array<double, 3> input_mean{};  ///< of each channel of what the network saw, as pixels, 0 … 1
  double confidence = 0;               ///< the largest probability
  PredictionTimes times;
};

class ServedModel;

/// All images of a request, in its order; all by the same model.
struct PredictionReply {
  std::shared_ptr<const ServedModel> model;
  std::vector<PredictedImage> images;
};

using SteadyClock = std::chrono::steady_clock;

/// Images that are answered together.
struct PredictionRequest {
  std::vector<ImageInput> images;  ///< at least one
  SteadyClock::time_point deadline = SteadyClock::time_point::max();
  /// Requests its images' cancellation; one without a state never does.
  std::stop_token cancelled;
  /// Called exactly once for an accepted request, in a thread of the queue or of whoever stops it; it should be quick
  /// and must not throw (what it throws is dropped) or wait for this queue.
  std::function<void(PredictionReply&& reply)> done;
};

/// Why a request was not accepted. Its `done` is then never called.
struct Refusal {
  enum class Reason {
    kFull,       ///< the queue; come back later
    kTooLarge,   ///< it has more images or bytes than an empty queue takes
    kStopping,   ///< the queue takes nothing more
    kNotLoaded,  ///< there is no such model at this time
  };
  Reason reason;
  std::string text;
  double retry_after_s = 0;  ///< by then what waits now should be done; at least 1 with kFull, else 0
};

}  // namespace margay::serve
