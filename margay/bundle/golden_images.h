#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/data/image/image_source.h"
#include "margay/data/image_pipeline.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"

namespace margay::bundle {

/// What a model says of a few images that anybody can draw again from a seed, so that a program that loads it can tell
/// whether it computes what its maker computed: the whole way, from an encoded image to the logits. They are never the
/// user's images, which may be private. save_bundle measures them anew each time; bundles of earlier versions have
/// none.
struct GoldenImages {
  std::uint64_t seed = 1;
  std::vector<std::vector<float>> logits;  ///< [images][K], rounded to 6 digits

  /// The images with this seed: PPM files in memory, each of a few smooth waves of colour and some noise, so that all
  /// channels, presizing and normalisation matter. The same bytes on every machine.
  std::vector<data::ImageSource> images() const;

  /// How far a logit may be from a golden one: fp32: 1e-3, bf16 and fp16: 0.1, times the largest golden logit of the
  /// image or 1. Other processors and versions of LibTorch add in other orders, and folded batch norms round otherwise:
  /// in fp32 measured up to 2e-4; another image, model or transform is off by 0.1 and more.
  static double tolerance(model::Precision precision);

  nlohmann::ordered_json to_json() const;
  /// Throws what JSON throws, std::invalid_argument unless each image has num_classes finite logits.
  static GoldenImages from_json(const nlohmann::ordered_json& json, std::int64_t num_classes);
};

/// The network's inputs for the images: float [N,3,size,size].
torch::Tensor golden_inputs(const GoldenImages& golden, const data::ImagePipeline& pipeline);

/// What a network says of them, in eval mode and fp32, whatever its mode is now: float [N,K] on the CPU.
torch::Tensor golden_logits(const GoldenImages& golden, model::Classifier& classifier,
                            const data::Transforms& transforms);

/// Measures the golden logits of a network, in eval mode and fp32, whatever its mode is now, by one thread on a CPU:
/// they depend on the weights, not on the number of threads that the caller may use. Nothing for networks whose inputs
/// have another number of channels than three, where a logit is not finite, and where the network cannot compute images
/// of that size or has no memory for them: such a model cannot be compared.
std::optional<GoldenImages> measure_golden_images(model::Classifier& classifier, const data::Transforms& transforms);

/// How far logits, float [N,K], are from the golden ones: the largest difference of an image's, over the scale that the
/// tolerance refers to. Not finite for logits that are not.
double golden_difference(const GoldenImages& golden, const torch::Tensor& logits);

/// Why a network whose logits differ by so much must not be used; "" where they are within the tolerance.
std::string golden_problem(double difference, model::Precision precision);

}  // namespace margay::bundle
