#include "margay/serve/queued_image.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/serve/predictor.h"
#include "margay/serve/served_model.h"

namespace margay::serve {
namespace {

std::string problem_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kExpired:
      return "its deadline passed before it was computed";
    case Outcome::kCancelled:
      return "it was cancelled before it was computed";
    default:
      return "the queue was stopped before it was computed";
  }
}

/// [3,H,W] as [H,W,3].
void interleave(const ImageTensor& planes, PixelRoom& pixels) {
  const std::size_t area = planes.size() / 3;
  for (std::size_t i = 0; i < area; ++i) {
    for (std::size_t c = 0; c < 3; ++c) pixels[3 * i + c] = planes[c * area + i];
  }
}

std::array<double, 3> channel_means(const PixelRoom& pixels, const data::Normalization& normalization) {
  std::array<double, 3> sums{};
  for (std::size_t i = 0; i + 2 < pixels.size(); i += 3) {
    for (std::size_t c = 0; c < 3; ++c) sums[c] += pixels[i + c];
  }
  const double area = std::max(1.0, static_cast<double>(pixels.size()) / 3);
  for (std::size_t c = 0; c < 3; ++c) sums[c] = sums[c] / area * normalization.std[c] + normalization.mean[c];
  return sums;
}

std::vector<float> numbers_of(const torch::Tensor& row) {
  const torch::Tensor numbers = row.contiguous();
  return {numbers.data_ptr<float>(), numbers.data_ptr<float>() + numbers.numel()};
}

}  // namespace

void QueuedImage::decode() {
  const data::ImagePipeline& pipeline = model().predictor().pipeline();
  pixels.resize(static_cast<std::size_t>(pipeline.output_floats()));
  ImageInput& image = input();
  if (const auto* tensor = std::get_if<ImageTensor>(&image.content)) {
    interleave(*tensor, pixels);
  } else {
    pipeline.run(data::ImageSource(std::filesystem::path(image.name), std::get<ImageBytes>(image.content)),
                 data::Phase::kValid, core::Random{0}, pixels.data());
  }
  result().input_mean = channel_means(pixels, pipeline.transforms().normalization);
  image.content = ImageBytes();  // the bytes are needed no more
}

void QueuedImage::take_outputs(const predict::Predictions& predictions, std::int64_t row) const {
  PredictedImage& image = result();
  image.logits = numbers_of(predictions.logits[row]);
  image.probabilities = numbers_of(predictions.probabilities[row]);
  if (predictions.p_known.defined()) image.p_known = predictions.p_known[row].item<double>();
  image.confidence = *std::max_element(image.probabilities.begin(), image.probabilities.end());
  if (std::all_of(image.logits.begin(), image.logits.end(), [](float each) { return std::isfinite(each); })) return;
  image.outcome = Outcome::kFailed;
  image.problem = image.name + ": " + kComputesNoNumber;
}

void QueuedImage::fail(const std::exception& error) const {
  PredictedImage& image = result();
  const bool is_image = dynamic_cast<const core::DataError*>(&error) != nullptr;
  image.outcome = is_image ? Outcome::kUnreadable : Outcome::kFailed;
  image.problem = is_image ? error.what() : image.name + ": ";
  if (is_image) return;
  image.problem += core::says_out_of_memory(error)
                       ? core::out_of_memory(error, "use a lower `max_pixels` or `max_batch`").what()
                       : core::without_stack_frames(error.what());
}

void QueuedImage::tell_lost() const { result().problem = result().name + ": " + problem_of(result().outcome); }

std::int64_t bytes_of(const ImageInput& image) {
  if (const auto* tensor = std::get_if<ImageTensor>(&image.content))
    return static_cast<std::int64_t>(tensor->size() * sizeof(float));
  return static_cast<std::int64_t>(std::get<ImageBytes>(image.content)->size());
}

void check_request(const PredictionRequest& request) {
  if (request.images.empty()) throw std::invalid_argument("[submit] a request needs one image at least");
  if (!request.done) throw std::invalid_argument("[submit] a request needs a function that takes its reply");
  for (const ImageInput& image : request.images) {
    const auto* bytes = std::get_if<ImageBytes>(&image.content);
    if (image.name.empty() || (bytes != nullptr && *bytes == nullptr))
      throw std::invalid_argument("[submit] each image needs a name and bytes, which may be empty");
  }
}

void check_tensors(const PredictionRequest& request, const data::ImagePipeline& pipeline) {
  for (const ImageInput& image : request.images) {
    const auto* tensor = std::get_if<ImageTensor>(&image.content);
    if (tensor == nullptr || static_cast<std::int64_t>(tensor->size()) == pipeline.output_floats()) continue;
    throw std::invalid_argument(
        fmt::format("[submit] {0}: a tensor for this model is [3,{1},{1}], {2} numbers; got {3}", image.name,
                    pipeline.output_size(), pipeline.output_floats(), tensor->size()));
  }
}

}  // namespace margay::serve
