#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/core/image.h"
#include "margay/interpret/interpretation.h"

namespace margay::web {

/// An image that the page shows. Class indices are those of the document's `vocab`.
struct PageImage {
  std::string name;                         ///< any bytes; what is not UTF-8 is shown as U+FFFD
  std::filesystem::path file;               ///< what the thumbnail is made from; empty: there is none
  std::vector<std::int64_t> labels;         ///< several labels: may be empty
  std::vector<std::int64_t> predicted;      ///< empty: "none of these", or with several labels no class
  std::optional<double> probability;        ///< of the most probable class
  std::optional<double> label_probability;  ///< of the label
  std::optional<double> loss;
  std::optional<double> p_known;  ///< conformal p-value of being of a known class, 0 … 1
};

/// What a page's script is told of an image: "name", "predicted", with labels "labels", and what there is of
/// "probability", "label_probability", "loss", "p_known".
nlohmann::ordered_json image_facts(const PageImage& image, bool has_labels);

/// The images of one cell of the confusion matrix. One label per image: (actual, predicted), predicted K being "none of
/// these". Several: (class, outcome), the outcome 3 for a true positive, 2 for a false negative, 1 for a false
/// positive.
struct PageCell {
  std::int64_t row = 0;
  std::int64_t column = 0;
  std::vector<std::int64_t> images;  ///< rows of the predictions; the first ones are shown
};

/// An activation map drawn over its image, and what it is of ("Bengal 97 %").
struct PageMap {
  std::string caption;
  core::Image image;
};

/// What report.html shows. `image` and `maps` are called while the page is written, by the thread that writes it and
/// for a few images at a time, so that never all of them are in memory.
struct ReportPage {
  std::string title;  ///< such as "pets.margay on the validation set"; any bytes
  /// Interpretation::json(), and beside its keys what there is of "calibration" (interpret::to_json of a
  /// CalibrationReport, or of a CalibrationQuality), "history" (columns: {"stage": […], "train_loss": […],
  /// "valid_loss": […], "metrics": {name: […]}}) and "unknown" ("alpha", "score", "guarantee", "can_refuse", "notes").
  /// Its lists of top losses get their images before all cells.
  nlohmann::ordered_json document;
  std::vector<PageCell> cells;                             ///< in the order in which their images get room
  std::function<PageImage(std::int64_t)> image;            ///< that of a row
  std::function<std::vector<PageMap>(std::int64_t)> maps;  ///< of an image in a list; may be empty
};

struct ReportPageOptions {
  std::int64_t max_bytes = 30'000'000;  ///< of the file; images that would exceed it are left out, and the page says so
  int images_per_cell = 12;             ///< 0 or more
  int thumbnail_px = 160;               ///< the longer side in cells, 16 … 1024; images in lists and maps: twice that
  int quality = 80;                     ///< of their JPEG, 1 … 100
};

/// What came of it.
struct WrittenPage {
  std::int64_t bytes = 0;
  std::int64_t images = 0;                    ///< on the page
  std::int64_t left_out = 0;                  ///< of lists and cells, without room in `max_bytes`
  std::int64_t unreadable = 0;                ///< on the page by name only, since their files could not be read
  std::vector<std::string> unreadable_names;  ///< of the first 20
};

/// The page of an interpretation: its json(), all cells of its confusion matrix (several labels: the outcomes of each
/// class) and its images, whose files are looked for below KeptPredictions::root. Wrong cells come first, the fullest
/// before others, then right ones; within a cell the highest loss. The interpretation must outlive the page.
ReportPage report_page(const interpret::Interpretation& interpretation, std::string title);

/// Writes the page: one file of HTML with its script, style, numbers and images, which asks nothing of any network (its
/// Content-Security-Policy forbids that, and every script but its own, named by its SHA-256). Names are data: they
/// cannot end an element or become markup. Memory: the document's text, and a few dozen images.
/// Images whose files cannot be read are shown by name. A document that alone exceeds `max_bytes` is written all the
/// same, without images. Throws core::IoError where the page cannot be written, std::invalid_argument for options out
/// of range, a document that is no interpretation, and images without a way to get them (`image`).
WrittenPage write_report_page(const std::filesystem::path& file, const ReportPage& page,
                              const ReportPageOptions& options = {});

}  // namespace margay::web
