#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <torch/types.h>

#include "margay/bundle/bundle.h"
#include "margay/interpret/xray.h"
#include "margay/predict/calibration.h"
#include "margay/run/label_origin.h"
#include "margay/run/provenance.h"

namespace margay::run {

/// One step on the way from an image's file to the network's input.
struct LessonStep {
  std::string name;  ///< "read", "item transform", "batch transform", "normalise"
  std::string what;  ///< what it does to this image
  std::string size;  ///< of its result: "uint8 [375,500,3]"
};

/// The steps of one image as in validation. Throws core::DataError naming the image where it cannot be read.
std::vector<LessonStep> lesson_steps(const data::ImageSource& image, const data::ImagePipeline& pipeline);

/// A stage of the training, in numbers.
struct LessonStage {
  std::string name;
  std::int64_t epochs = 0;        ///< 0 for a probe, which has none
  int first_trained = 0;          ///< the groups before it are frozen; 0: all train
  std::vector<double> peak_lrs;   ///< of each group, first group first; empty for a probe
  std::string schedule;           ///< "one_cycle"; "probe"
  std::array<double, 3> lr = {};  ///< of the head: at the stage's start, the highest, at its end
};

/// groups: the number of parameter groups. Throws std::invalid_argument for rates of another number of groups.
std::vector<LessonStage> lesson_stages(const TrainingHistory& history, std::size_t groups);

/// What images of one class were taken for, and which were taken for it.
struct LessonConfusion {
  std::string images;                                        ///< a sentence: which images were judged, and why
  std::string label;                                         ///< the class
  std::vector<std::pair<std::string, std::int64_t>> called;  ///< predictions for images of it, the most frequent first
  std::vector<std::pair<std::string, std::int64_t>> taken;   ///< images of other classes predicted as it
};

/// confusion: int64 [K,K], rows the actual class, columns the predicted one. index: the class that it is about.
LessonConfusion lesson_confusion(const torch::Tensor& confusion, std::int64_t index, const data::Vocabulary& vocabulary,
                                 std::string images);

/// What a lesson is about.
struct LessonSubject {
  std::filesystem::path model;  ///< the bundle's file
  std::filesystem::path image;
  std::filesystem::path data;         ///< the folder of the training's images; "": not known
  std::optional<data::Labels> label;  ///< instead of that which the training's way of labelling finds
  predict::Calibration calibration;   ///< what is applied to the logits
  double step = 1;                    ///< as XrayOptions
  std::int64_t max_pixels = data::ReadOptions().max_pixels;
  data::Decoding decoding = data::Decoding::kScaled;
};

/// One image on its way through a model, number by number: where its label comes from, how it was presized, from the
/// logits to the gradient, and how the model was trained. Chapter 5 of the fast.ai book walks this way
/// (docs/guide/chapter5.md).
struct Lesson {
  std::string image;
  std::string architecture;
  std::vector<std::string> classes;
  LabelOrigin label;
  std::vector<LessonStep> steps;
  predict::Calibration calibration;
  /// Of calibrated logits, one row: a softmax, or for several labels sigmoids.
  std::variant<interpret::SoftmaxXray, interpret::SigmoidXray> xray;
  std::optional<LessonConfusion> confusion;  ///< nothing unless images were judged
  std::optional<double> p_known;             ///< of being of a known class; only where the model can tell
  double alpha = 0;                          ///< "none of these" where p_known is at most this
  std::vector<LessonStage> stages;           ///< empty where the model does not know its training
  std::vector<RunEpoch> epochs;              ///< the same
};

/// The lesson without its confusion. logits: floating [1,K], finite, of this image, not calibrated. Throws
/// core::DataError for an image or a table that cannot be read, core::FormatError for a provenance that cannot.
Lesson make_lesson(const bundle::Bundle& bundle, const LessonSubject& subject, const torch::Tensor& logits);

}  // namespace margay::run
