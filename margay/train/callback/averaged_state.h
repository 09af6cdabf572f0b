#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "margay/model/classifier.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::train {

/// A second set of a classifier's values, parameters and buffers, for averages over training. Batch norms' statistics
/// are averaged as weights are; whole numbers, which count batches, are copied. It keeps the classifier's tensors
/// alive, not the classifier. Nothing here is seen by autograd.
class AveragedState {
 public:
  /// Holds zeros until it is given something.
  explicit AveragedState(const model::Classifier& classifier);

  /// Takes the classifier's present values.
  void copy_from_model();
  void copy_to_model();
  /// average += weight · (model - average), in one pass over all memory on the CPU.
  void move_towards_model(double weight);
  /// The model gets the average and the average the model's values. Twice is nothing, bit for bit.
  void swap_with_model();

  /// By the classifier's names; the tensors are its own, not copies.
  model::TensorMap tensors() const;
  /// Copies the values. Throws core::FormatError, naming `source`, unless names and shapes are the classifier's.
  void load(const model::TensorMap& tensors, const std::filesystem::path& source);

 private:
  struct Slot {
    std::string name;
    torch::Tensor model;    ///< the classifier's own
    torch::Tensor average;  ///< like it
  };
  std::vector<Slot> slots_;
};

}  // namespace margay::train
