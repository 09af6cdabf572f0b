#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "margay/data/image_pipeline.h"
#include "margay/predict/predictions.h"
#include "margay/serve/prediction_request.h"

namespace margay::serve {

/// A request in the queue.
struct PendingRequest {
  PredictionRequest request;
  PredictionReply reply;
  std::size_t left = 0;  ///< images without an outcome
  SteadyClock::time_point submitted;

  /// Why its images are not worth computing any more.
  std::optional<Outcome> lost(SteadyClock::time_point now) const {
    if (request.cancelled.stop_requested()) return Outcome::kCancelled;
    return now >= request.deadline ? std::optional(Outcome::kExpired) : std::nullopt;
  }
};

/// float [size,size,3] of an image, which many images use in turn.
using PixelRoom = std::vector<float>;

/// One image on its way through the queue.
struct QueuedImage {
  std::shared_ptr<PendingRequest> pending;
  std::size_t index = 0;
  std::int64_t bytes = 0;
  PixelRoom pixels;
  SteadyClock::time_point decoded{};

  ImageInput& input() const { return pending->request.images[index]; }
  PredictedImage& result() const { return pending->reply.images[index]; }
  const ServedModel& model() const { return *pending->reply.model; }

  /// Fills `pixels`, and drops the bytes that they were read from. Throws core::DataError for a broken image.
  void decode();
  /// Its row of the predictions of a batch.
  void take_outputs(const predict::Predictions& predictions, std::int64_t row) const;
  /// What went wrong with this image alone.
  void fail(const std::exception& error) const;
  /// The problem of an image that was lost, by its outcome.
  void tell_lost() const;
};

/// What an image of a request holds in memory.
std::int64_t bytes_of(const ImageInput& image);

/// Throws std::invalid_argument for a request without images or `done`, or with an image that has no name or bytes.
void check_request(const PredictionRequest& request);
/// Throws std::invalid_argument for tensors of another size than the pipeline's.
void check_tensors(const PredictionRequest& request, const data::ImagePipeline& pipeline);

}  // namespace margay::serve
