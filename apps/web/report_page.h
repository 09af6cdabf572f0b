#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/core/image.h"

namespace margay::web {

/// An image that the page shows. Class indices are those of the document's `vocab`.
struct PageImage {
  std::string name;                         ///< any bytes; what is not UTF-8 is shown as U+FFFD
  std::filesystem::path file;               ///< what the thumbnail is made from; empty: there is none
  std::vector<std::int64_t> labels;         ///< empty: no label is known, or with several labels it has none
  std::vector<std::int64_t> predicted;      ///< empty: "none of these", or with several labels no class
  std::optional<double> probability;        ///< of the most probable class
  std::optional<double> label_probability;  ///< of the label; one label per image only
  std::optional<double> loss;
  std::optional<double> p_known;  ///< conformal p-value that the image is of a known class, 0 … 1
};

/// The images of one cell of the confusion matrix. One label per image: (actual, predicted). Several: (class, outcome),
/// outcome being 2 · actual + predicted, so 3 a true positive, 2 a false negative, 1 a false positive, 0 neither.
struct PageCell {
  std::int64_t row = 0;
  std::int64_t column = 0;
  std::vector<std::int64_t> images;  ///< numbers of images, the first ones are shown
};

/// Images under one heading, such as those with the highest losses.
struct PageList {
  std::string heading;
  std::string words;  ///< one line under the heading
  std::vector<std::int64_t> images;
};

/// An activation map drawn over its image, and what it is of ("Bengal, 97 %").
struct PageMap {
  std::string caption;
  core::Image image;
};

/// What report.html shows. `image` and `maps` are called while the page is written, for one image at a time, so that
/// only a few of them are in memory.
struct ReportPage {
  std::string title;                ///< such as "pets.margay on validation set"; any bytes
  nlohmann::ordered_json document;  ///< of interpret::Interpretation::json()
  std::vector<PageList> lists;      ///< shown in full, before the cells' images get room
  std::vector<PageCell> cells;      ///< in the order in which their images get room
  /// The image of that number. Called once for each image that may be shown, by one thread.
  std::function<PageImage(std::int64_t)> image;
  /// The maps of an image of `lists`; empty: there are none. Called by one thread.
  std::function<std::vector<PageMap>(std::int64_t)> maps;
};

struct ReportPageOptions {
  std::int64_t max_bytes = 30'000'000;  ///< of the file; images that would exceed it are left out, and the page says so
  int images_per_cell = 12;             ///< 0 or more
  int thumbnail_px = 160;  ///< the longer side of a thumbnail, 16 … 1024; maps are twice as large at most
  int quality = 80;        ///< of their JPEG, 1 … 100
};

/// What came of it.
struct WrittenPage {
  std::int64_t bytes = 0;
  std::int64_t thumbnails = 0;          ///< shown
  std::int64_t left_out = 0;            ///< images of lists and cells that had no room in `max_bytes`
  std::vector<std::string> unreadable;  ///< names of images whose file could not be read, the first 20
  std::int64_t unreadable_images = 0;   ///< all of them; the page shows their names
};

/// Writes the page: one file of HTML with its script, style, numbers and images, which asks nothing of any network (its
/// Content-Security-Policy forbids that, and every script but its own, named by its SHA-256). Names are data: they
/// cannot end an element or become markup. Memory: the document's text, and a batch of thumbnails. Throws core::IoError
/// where the file cannot be written, std::invalid_argument for options out of range, for a document that is no
/// interpretation, and where lists or cells are given without `image`. Files of images that cannot be read do not stop
/// it.
WrittenPage write_report_page(const std::filesystem::path& file, const ReportPage& page,
                              const ReportPageOptions& options = {});

}  // namespace margay::web
