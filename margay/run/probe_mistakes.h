#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/chart/drawing.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/predict/predictions.h"

namespace margay::run {

/// How well a probe knows one class.
struct ClassMistakes {
  std::string name;
  std::int64_t images = 0;  ///< of this class
  std::int64_t missed = 0;  ///< of them, those that were predicted not to be of it
  std::int64_t alarms = 0;  ///< images of other classes that were predicted to be of it
  double error = 0;         ///< missed / images
  /// Of `error`: by groups where there are some (metric::clustered_mean; NaN for a class of one group), else √(p (1 −
  /// p) / (n + 1)) of p = (missed + ½) / (n + 1), which is not 0 where none or all are missed (Agresti and Coull 1998,
  /// for one standard error).
  double standard_error = 0;
};

/// Images of one class that were predicted to be of another.
struct ConfusedPair {
  std::string label;
  std::string prediction;
  std::int64_t count = 0;
  std::int64_t images = 0;  ///< of the class `label`
};

/// One image and what was predicted without it.
struct JudgedImage {
  std::size_t id = 0;       ///< position in the dataset
  std::string name;         ///< relative to the folder of images where it lies below it
  std::string label;        ///< several are joined by ';'
  std::string prediction;   ///< the same; of several labels those with a probability above one half
  std::string probability;  ///< of the prediction, as text; several are joined by ';'
  double loss = 0;
};

/// What predictions of labelled images got wrong, the worst first.
struct Mistakes {
  std::vector<ClassMistakes> classes;  ///< all classes that have images, by their error
  std::vector<ConfusedPair> pairs;     ///< all pairs that occur, the most frequent first; none for several labels
  std::vector<JudgedImage> hardest;    ///< the images with the highest loss
};

struct MistakeOptions {
  std::filesystem::path root = {};  ///< the folder that names are relative to
  torch::Tensor groups = {};        ///< int64 [N], of each row, for the standard errors; undefined: every image is one
  std::size_t hardest = 24;         ///< images at most
};

/// predictions: of this dataset, with targets and losses.
Mistakes find_mistakes(const predict::Predictions& predictions, const data::Dataset& dataset,
                       const data::Vocabulary& vocabulary, const MistakeOptions& options = {});

/// All rows in their order: lines of CSV with a header, "name,label,prediction,probability,loss". Names
/// are relative to root where they lie below it.
std::string predictions_csv(const predict::Predictions& predictions, const data::Dataset& dataset,
                            const data::Vocabulary& vocabulary, const std::filesystem::path& root);

/// The images, each with its name, label, prediction, probability and loss below it. Images are read again; one that
/// cannot be read now becomes a grey tile. There must be one image at least.
chart::Drawing mistakes_sheet(const std::vector<JudgedImage>& images, const data::Dataset& dataset,
                              const data::ImagePipeline& pipeline);

}  // namespace margay::run
