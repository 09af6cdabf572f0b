#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/bundle/bundle.h"
#include "margay/core/options.h"
#include "margay/data/dataset.h"
#include "margay/run/data_options.h"
#include "margay/run/training_memory.h"

namespace margay::run {

/// Which images of a folder are judged: those that validated in the model's training, those that trained, those that
/// the training did not have, or all.
enum class JudgedPart { kValid, kTrain, kNew, kAll };

constexpr auto names(JudgedPart /*tag*/) {
  return std::array{std::pair{JudgedPart::kValid, "valid"}, std::pair{JudgedPart::kTrain, "train"},
                    std::pair{JudgedPart::kNew, "new"}, std::pair{JudgedPart::kAll, "all"}};
}

/// What becomes of images whose label is no class of the model.
enum class UnknownClasses { kRefuse, kLeaveOut };

constexpr auto names(UnknownClasses /*tag*/) {
  return std::array{std::pair{UnknownClasses::kRefuse, "refuse"}, std::pair{UnknownClasses::kLeaveOut, "leave_out"}};
}

/// The images to judge a model by.
struct EvaluationOptions {
  std::filesystem::path folder;
  std::optional<JudgedPart> part;
  UnknownClasses unknown_classes = UnknownClasses::kRefuse;
  bool unlabelled = false;  ///< all images of the folder, whatever their labels would be
  DataOptions data;

  static const core::OptionTable& fields();
};

/// Images to judge a model by, labelled unless the options say otherwise, and why these. Images that the model was
/// trained on are told by their contents while they are read, so whether one of them counts is known only then.
class EvaluationSet {
 public:
  /// Labels and split are those of the model's training unless the options say otherwise, and then only the one or the
  /// other. Without a part, the validation images of the training are judged in its folder, wherever that now lies, and
  /// all images elsewhere. model: the bundle's file.
  ///
  /// Throws core::DataError if no image is left to judge, for labels of another task, for classes that the model does
  /// not know (naming all of them), for tables that have moved (naming the option for their new place), and as
  /// make_block.
  EvaluationSet(const EvaluationOptions& options, const bundle::Bundle& bundle, const std::filesystem::path& model);

  const std::shared_ptr<const data::Dataset>& images() const { return images_; }
  /// A sentence: which images are judged, and why.
  const std::string& reason() const { return reason_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// Whether the image at a position in images() counts. Only after it was read.
  bool counts(std::size_t i) const;
  /// Whether the model was trained on it, whatever is judged. Only after it was read.
  bool has_trained(std::size_t i) const;

 private:
  class Choice;

  void take_unlabelled(const std::filesystem::path& folder);

  TrainingMemory memory_;
  std::optional<JudgedPart> part_;
  bool is_judged_whatever_ = false;  ///< images that have trained count, too
  std::shared_ptr<const data::Dataset> images_;
  std::string reason_;
  std::vector<std::string> warnings_;
};

}  // namespace margay::run
