#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/model/classifier.h"

namespace margay::model {

struct SummaryOptions {
  std::int64_t batch_size = 64;
  /// By default the network's own.
  std::optional<std::int64_t> image_px;

  static const core::OptionTable& fields();
};

/// One step of the forward pass: a layer with parameters, or a step without, such as max_pool2d.
struct SummaryRow {
  std::string layer = {};            ///< path of the module, "" for an operator without parameters
  std::string kind = {};             ///< "Conv2d", or the operator's name, "max_pool2d"
  std::string group = {};            ///< the parameter group that it, or the latest layer before it, belongs to
  std::vector<std::int64_t> output;  ///< shape of its result
  std::int64_t parameters = 0;       ///< not counted by an earlier row
  std::int64_t trainable_parameters = 0;
  std::int64_t macs = 0;              ///< multiply-adds for the batch
  std::int64_t activation_bytes = 0;  ///< of its result; 0 if that is a view
};

struct SummaryGroup {
  std::string name;
  std::int64_t parameters = 0;
  std::int64_t trainable_parameters = 0;
};

/// The contents of fastai's Learner.summary, and the cost of the batch.
struct ModelSummary {
  std::int64_t batch_size = 0;
  std::int64_t image_px = 0;
  std::vector<SummaryRow> rows = {};      ///< in the order of the forward pass
  std::vector<SummaryGroup> groups = {};  ///< the classifier's parameter groups

  std::int64_t parameters() const;
  std::int64_t trainable_parameters() const;
  /// Multiply-adds of convolutions, matrix products and attention for one image.
  std::int64_t macs_per_image() const;
  /// The memory of the results of all operators that the network calls, as float32. Training keeps them for the
  /// gradients. Other tensors that operators keep, such as dropout masks, are not counted, nor are weights and
  /// gradients.
  std::int64_t activation_bytes() const;
};

/// From the network's description of its layers (graph/graph.h), so that it needs neither the time nor the memory of
/// the batch. Operators that only make a view (flatten, permute) have no row. The classifier is not changed. Throws
/// std::invalid_argument for options out of range and for images that are too small for a layer, with its name.
ModelSummary summarise(Classifier& classifier, const SummaryOptions& options = {});

}  // namespace margay::model
