#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include <torch/types.h>

#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/predict/inference.h"

namespace margay::predict {

/// Computes every image of a batch as a batch of one, so that its outputs are the same bits whatever its companions.
///
/// Given a whole batch, LibTorch and the libraries below it choose by the number of images: up to 20480 input numbers
/// of a single image a convolution is BLAS's, above that or with a second image oneDNN's (ConvParams::use_mkldnn in
/// ATen/native/Convolution.cpp), whose blocking again depends on the batch; BLAS blocks a matrix product by its rows;
/// and element-wise functions such as SiLU compute the last elements of a thread's part with another exp. Each of these
/// adds in another order: logits differ by 1e-6 to 1e-4. Here several images are computed at once, one to a thread,
/// which never wait for each other. By itself it costs ResNet-18 a tenth of its images/s (benchmarks/predict_queue, 2
/// cores of an EPYC): weights are brought into oneDNN's order for every batch, so for every image; those that a
/// Predictor has packed (model/packed_convolution.h) are not, and then it gains a tenth.
///
/// An image that comes alone may use all threads, but only once it is proven that the network then gives the same bits.
/// (Where BLAS divides a small product among threads they differ: of our networks squeezenet1_1 and linear.)
///
/// What is not covered: the number of threads that LibTorch is set to. With one thread ATen computes 1x1 convolutions
/// by BLAS, with two or more by oneDNN, so that a network may give other bits on one thread than on several, by up to
/// 2e-4. Other processors and other versions of LibTorch differ, too.
class ImageByImage {
 public:
  /// images: float [N,C,H,W] on the CPU, where the network is, in eval mode. Result: float [N,K] and float [N,D], one
  /// of them undefined where `output` does not ask for it. Gradients are disabled. Several threads may call it.
  LogitsAndFeatures outputs_of(model::Classifier& classifier, const torch::Tensor& images, NetworkOutput output,
                               model::Precision precision) const;

  /// Finds out, with one image of noise of the shape [1,C,H,W], whether a lone image may use all threads. outputs_of
  /// does so by itself when a second lone image comes; servers do it before.
  void prove(model::Classifier& classifier, at::IntArrayRef shape, model::Precision precision) const;
  /// Whether it is proven that it may.
  bool lone_uses_all_threads() const { return lone_ == Lone::kAllThreads; }

 private:
  enum class Lone { kNotKnown, kOneThread, kAllThreads };

  bool may_use_all_threads(model::Classifier& classifier, const torch::Tensor& image, model::Precision precision) const;

  mutable std::mutex proving_;
  mutable std::atomic<Lone> lone_ = Lone::kNotKnown;
  mutable std::atomic<std::int64_t> lone_images_ = 0;
};

}  // namespace margay::predict
