#include "margay/predict/image_by_image.h"

#include <algorithm>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/utils.h>

#include "margay/core/random.h"
#include "margay/predict/compute_threads.h"

namespace margay::predict {
namespace {

constexpr std::int64_t kProveAt = 2;  // lone images: a program that predicts one file need not pay for the proof

/// A row for each image.
class OutputRows {
 public:
  explicit OutputRows(std::int64_t images) : rows_(static_cast<std::size_t>(images)) {}

  void set(std::int64_t row, LogitsAndFeatures&& outputs) { rows_[static_cast<std::size_t>(row)] = std::move(outputs); }
  LogitsAndFeatures joined() const {
    return {.logits = joined(&LogitsAndFeatures::logits), .features = joined(&LogitsAndFeatures::features)};
  }

 private:
  torch::Tensor joined(torch::Tensor LogitsAndFeatures::*part) const {
    if (rows_.empty() || !(rows_[0].*part).defined()) return {};
    std::vector<torch::Tensor> tensors;
    for (const LogitsAndFeatures& row : rows_) tensors.push_back(row.*part);
    return torch::cat(tensors);
  }

  std::vector<LogitsAndFeatures> rows_;
};

/// The network, and what is wanted of it.
struct LoneImages {
  model::Classifier& classifier;
  const torch::Tensor& images;
  NetworkOutput output;
  model::Precision precision;

  LogitsAndFeatures of(std::int64_t row) const {
    const torch::NoGradGuard no_grad;  // of this thread
    return outputs_of_batch(classifier, images.slice(0, row, row + 1), output, precision);
  }
};

void one_thread_each(const LoneImages& lone, std::int64_t begin, std::int64_t end, OutputRows& rows) {
  std::atomic<std::int64_t> next = begin;
  on_each_thread([&] {
    for (std::int64_t row = next++; row < end; row = next++) rows.set(row, lone.of(row));
  });
}

torch::Tensor noise_image(at::IntArrayRef shape) {
  torch::Tensor image = torch::empty({shape[0], shape[2], shape[3], shape[1]});
  core::Random random = {1};
  float* const numbers = image.data_ptr<float>();
  for (std::int64_t i = 0; i < image.numel(); ++i) numbers[i] = static_cast<float>(random.uniform(-2, 2));
  return image.permute({0, 3, 1, 2});
}

}  // namespace

LogitsAndFeatures ImageByImage::outputs_of(model::Classifier& classifier, const torch::Tensor& images,
                                           NetworkOutput output, model::Precision precision) const {
  const LoneImages lone{classifier, images, output, precision};
  const std::int64_t count = images.size(0);
  const std::int64_t threads = at::get_num_threads();
  OutputRows rows(count);
  const std::int64_t rest = count % threads;
  const bool alone = rest > 0 && rest < std::min<std::int64_t>(threads, kUsefulThreads) &&
                     may_use_all_threads(classifier, images, precision);
  const std::int64_t together = alone ? count - rest : count;
  if (together > 0) one_thread_each(lone, 0, together, rows);
  for (std::int64_t row = together; row < count; ++row) rows.set(row, lone.of(row));
  return rows.joined();
}

bool ImageByImage::may_use_all_threads(model::Classifier& classifier, const torch::Tensor& image,
                                       model::Precision precision) const {
  const bool has_threads = !at::in_parallel_region();  // otherwise a trial of all threads would be one of this one
  if (has_threads && lone_ == Lone::kNotKnown && ++lone_images_ >= kProveAt)
    prove(classifier, image.sizes(), precision);
  return lone_ == Lone::kAllThreads;
}

void ImageByImage::prove(model::Classifier& classifier, at::IntArrayRef shape, model::Precision precision) const {
  const std::lock_guard lock(proving_);
  if (lone_ != Lone::kNotKnown) return;
  const torch::Tensor image = noise_image({1, shape[1], shape[2], shape[3]});
  const LoneImages lone{classifier, image, NetworkOutput::kLogitsAndFeatures, precision};
  OutputRows rows(1);
  one_thread_each(lone, 0, 1, rows);
  const LogitsAndFeatures by_one = rows.joined();
  const LogitsAndFeatures by_all = lone.of(0);
  const bool is_same = by_one.logits.equal(by_all.logits) && by_one.features.equal(by_all.features);
  lone_ = is_same ? Lone::kAllThreads : Lone::kOneThread;
}

}  // namespace margay::predict
