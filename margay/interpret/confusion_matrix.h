#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <torch/types.h>

#include "margay/interpret/judged_images.h"

namespace margay::interpret {

/// How often images of a class were predicted to be of another; only cells that are not empty are kept, so that 10,000
/// classes take no more memory than their images.
class ConfusionMatrix {
 public:
  struct Cell {
    std::int32_t actual = 0;
    std::int32_t predicted = 0;
    std::int64_t count = 0;
  };

  ConfusionMatrix() = default;
  /// actual, predicted: class indices [N]; predicted −1: refused ("none of these"), an error in no column. Throws
  /// std::invalid_argument for other indices outside 0 … K-1.
  ConfusionMatrix(std::span<const std::int32_t> actual, std::span<const std::int32_t> predicted,
                  std::int64_t num_classes);

  std::int64_t num_classes() const { return static_cast<std::int64_t>(row_totals_.size()); }
  /// Cells that are not empty, by row, then by column.
  std::span<const Cell> cells() const { return cells_; }
  /// Those of one row.
  std::span<const Cell> row(std::int64_t actual) const;
  std::int64_t count(std::int64_t actual, std::int64_t predicted) const;
  /// Images of the class, refused ones included.
  std::int64_t row_total(std::int64_t actual) const { return row_totals_[static_cast<std::size_t>(actual)]; }
  /// Images predicted to be of the class.
  std::int64_t column_total(std::int64_t predicted) const {
    return column_totals_[static_cast<std::size_t>(predicted)];
  }
  /// Images of the class that were refused.
  std::int64_t refused(std::int64_t actual) const { return refused_[static_cast<std::size_t>(actual)]; }
  /// count / row_total; NaN for a class without images.
  double row_share(std::int64_t actual, std::int64_t predicted) const;
  std::int64_t images() const { return images_; }
  std::int64_t right() const { return right_; }

  /// int64 [K,K], rows actual, columns predicted (scikit-learn's confusion_matrix); refused images are in none. It
  /// takes 8 K² bytes: 800 MB for 10,000 classes.
  torch::Tensor counts() const;
  /// double [K,K]: each row divided by its total (normalize="true"); 0 in rows without images, as scikit-learn's.
  torch::Tensor row_shares() const;

 private:
  std::vector<Cell> cells_;
  std::vector<std::int64_t> first_cell_ = {0};  ///< of each row in cells_; one more at the end
  std::vector<std::int64_t> row_totals_;
  std::vector<std::int64_t> column_totals_;
  std::vector<std::int64_t> refused_;
  std::int64_t images_ = 0;
  std::int64_t right_ = 0;
};

/// The 2 x 2 matrix of one class: is it there, was it predicted.
struct BinaryCounts {
  std::int64_t true_positives = 0;
  std::int64_t false_positives = 0;
  std::int64_t false_negatives = 0;
  std::int64_t true_negatives = 0;

  std::int64_t support() const { return true_positives + false_negatives; }
  std::int64_t predicted() const { return true_positives + false_positives; }
};

/// One 2 x 2 matrix a class (scikit-learn's multilabel_confusion_matrix), of one label or of several.
std::vector<BinaryCounts> binary_counts(const JudgedImages& images, std::int64_t num_classes);

}  // namespace margay::interpret
