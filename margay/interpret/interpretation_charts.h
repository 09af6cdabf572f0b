#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "margay/chart/bar_chart.h"
#include "margay/chart/drawing.h"
#include "margay/chart/matrix_chart.h"
#include "margay/data/image/image_source.h"
#include "margay/interpret/interpretation.h"

namespace margay::interpret {

/// The confusion matrix in an order of the classes, rows actual, columns predicted, as dark as the share of the row.
/// The `marks` most frequent confusions have names beside their cells where cells are too small for numbers. Images
/// that were refused are in no column; the title says how many there are. Throws as Interpretation::confusion_matrix.
chart::MatrixChart confusion_chart(const Interpretation& interpretation, ClassOrder order, std::size_t marks = 12);

/// The recall of each class (F1 of several labels), the worst first, with its interval and its numbers of images.
/// Classes without images are not in it. most: so many bars at most; the chart says how many are left out. Throws
/// std::invalid_argument without labels.
chart::BarChart class_chart(const Interpretation& interpretation,
                            std::size_t most = std::numeric_limits<std::size_t>::max());

/// The pairs that are confused most often, with their number of images, the share of the class, and p of the test
/// whether that is more than chance (ConfusedPair). Throws as Interpretation::most_confused.
chart::BarChart most_confused_chart(const Interpretation& interpretation, std::size_t most = 40);

/// How sure the predictions are: images in each twentieth of the probability of the predicted class. Needs no labels.
chart::BarChart confidence_chart(const Interpretation& interpretation);

/// confusion_chart as a drawing, for drawing_image and drawing_svg; fastai's plot_confusion_matrix. order: the one of
/// the options unless given.
chart::Drawing plot_confusion_matrix(const Interpretation& interpretation, std::optional<ClassOrder> order = {});

/// A contact sheet: the first k images in that order (fastai's plot_top_losses), each above its label, prediction,
/// probability and loss. The images are read again from their files (KeptPredictions::root); one that cannot be read
/// now becomes a grey tile. deep_bits: as in ReadOptions. An empty drawing (no pixels) without images in that order,
/// such as wrong ones where all are right. Throws as Interpretation::top_losses.
chart::Drawing plot_top_losses(const Interpretation& interpretation, std::int64_t k = 24,
                               TopLosses order = TopLosses::kHighest, int deep_bits = 16);

/// The whole image as a tile of a contact sheet, at most side_px wide and high; a grey tile for a file that cannot be
/// read.
core::Image contact_tile(const data::ImageSource& source, const data::ReadOptions& options = {}, int side_px = 192);

}  // namespace margay::interpret
