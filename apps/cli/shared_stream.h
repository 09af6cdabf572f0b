#pragma once

#include <memory>
#include <string>

#include "margay/collective/group.h"
#include "margay/data/dataset.h"
#include "margay/predict/inference.h"
#include "margay/serve/predictor.h"

namespace margay::cli {

/// stream_with_progress for several processes: each predicts its share of the images, and that of rank 0 gets all
/// predictions, in the order and with the bits that one process gives them. The sink of other processes is not called.
/// A collective: all processes call it with the same images and options. options: those of the predictor. What the sink
/// of rank 0 throws ends it in all processes. Throws as Predictor::stream_part.
void stream_together(const serve::Predictor& predictor, const serve::PredictorOptions& options,
                     const std::shared_ptr<const data::Dataset>& images, const predict::PredictionSink& sink,
                     const std::string& task, collective::Group& group);

}  // namespace margay::cli
