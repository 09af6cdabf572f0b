#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/chart/drawing.h"
#include "margay/data/check/finding.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image_list.h"
#include "margay/data/item.h"
#include "margay/metric/interval.h"
#include "margay/run/label_check_options.h"
#include "margay/run/timed_part.h"

namespace margay::data {
class DataBlock;
}
namespace margay::model {
class Classifier;
}

namespace margay::run {

class Observer;

/// How many labels of one class, or of all, are wrong, as estimated from the confident joint
/// (interpret::ConfidentJoint).
struct WrongShare {
  std::string name;             ///< of the class; "" for all images
  std::int64_t images = 0;      ///< labelled so
  std::int64_t flagged = 0;     ///< of them, those in LabelCheck::ranked
  metric::Estimate wrong = {};  ///< the share of wrong labels, 0 … 1, with its interval; NaN for no images
};

/// What predictions of images that the predictor did not see say of their labels. Rows are the images that were
/// judged, in the order of the data.
struct LabelCheck {
  std::filesystem::path folder;  ///< that names in files are relative to; "" where images are no files
  data::Task task = data::Task::kSingleLabel;
  std::vector<std::string> classes;  ///< K names
  std::string source;                ///< a sentence: where the probabilities come from, and why they are out of sample

  data::ImageList images;                            ///< [N]
  std::vector<bool> validates;                       ///< [N], whether the split has the image in the validation set
  std::vector<std::int64_t> groups;                  ///< [N], of one number for images that were left out together
  std::vector<std::vector<std::int32_t>> given;      ///< [N], the classes of the label; one for a single label
  std::vector<std::vector<std::int32_t>> predicted;  ///< [N], the most probable; of several labels those above one half
  std::vector<float> probabilities;                  ///< [N,K], row by row
  std::vector<double> quality;       ///< [N], of the label, 0 … 1, lower is worse (LabelIssueOptions::rank_by)
  std::vector<std::int64_t> ranked;  ///< rows whose labels are probably wrong, the worst first

  WrongShare all;                    ///< of several labels per image: of images with one wrong label or more
  std::vector<WrongShare> by_class;  ///< [K]
  /// First the wrong labels in the order of `ranked` (findings[i] is of row ranked[i]), then copies, outliers, classes.
  std::vector<data::Finding> findings;
  std::vector<std::string> warnings;  ///< what could not be searched for or judged, sentences
  std::vector<TimedPart> seconds;

  std::size_t size() const { return given.size(); }
  std::size_t num_classes() const { return classes.size(); }
  float probability(std::size_t row, std::int32_t k) const {
    return probabilities[row * classes.size() + static_cast<std::size_t>(k)];
  }
  /// The names of the classes; several in the order of the vocabulary.
  data::Labels given_labels(std::size_t row) const;
  data::Labels predicted_labels(std::size_t row) const;
  /// Relative to `folder` where the image lies below it.
  std::string name(std::size_t row) const;
  /// Whether the row is among `ranked`, for all rows.
  std::vector<bool> flagged() const;
};

/// Finds labels that are probably wrong, copies, outliers and doubtful classes among all images of the options' folder,
/// training and validation alike, by probabilities of predictors that did not see the image: see LabelCheckOptions.
/// cache_folder: as for start_probe. Announces progress and warnings. Throws NoWeightsError where a probe is asked for
/// without pretrained weights, std::invalid_argument for settings that cannot work, core::Interrupted when the observer
/// wants a stop, core::DataError and core::FormatError for data, models and tables that do not fit.
LabelCheck check_labels(const LabelCheckOptions& options, const std::filesystem::path& cache_folder,
                        Observer& observer);

/// The same in code: every image of the block, whatever its split, judged without its group by a linear classifier
/// (train::fit_probe) on features of this network. Its head must be a linear one, and gets that classifier's weights.
/// The block has the transforms that the network expects. Features are computed anew.
LabelCheck find_label_issues(const data::DataBlock& block, model::Classifier& classifier,
                             const LabelJudgeOptions& options = {});

/// "image,is_label_issue,label_quality,given_label,predicted_label,given_probability,predicted_probability,rank,part":
/// a line for every row in their order. The first five are as cleanlab 2's data frame has them; several labels are
/// joined by ';'. rank: 1 for the worst of those flagged; empty for others. part: "train" or "valid".
std::string label_issues_csv(const LabelCheck& check);

/// All of it as one document, without the probabilities.
nlohmann::ordered_json to_json(const LabelCheck& check);

/// A contact sheet of the labels that are probably wrong, the worst first: each image above its label, the suggested
/// one and its probability. Images are read again; one that cannot be read now becomes a grey tile. An empty drawing
/// (no pixels) where none is.
chart::Drawing label_issue_sheet(const LabelCheck& check, const data::ReadOptions& reading = {}, std::size_t most = 48);

inline constexpr const char* kLabelIssuesFile = "label_issues.csv";
inline constexpr const char* kLabelCheckFile = "label_check.json";
inline constexpr const char* kLabelSheetFile = "label_issues.png";

/// Writes the three files into a folder, which is made, each in one step; files of these names are replaced, others
/// left. Returns warnings (letters that no font has). Throws core::IoError.
std::vector<std::string> write_label_check(const LabelCheck& check, const std::filesystem::path& folder,
                                           const data::ReadOptions& reading = {});

}  // namespace margay::run
