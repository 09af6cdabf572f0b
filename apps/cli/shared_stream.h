#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "margay/collective/group.h"
#include "margay/data/dataset.h"
#include "margay/predict/inference.h"
#include "margay/serve/predictor.h"

namespace margay::cli {

/// stream_with_progress for several processes: each predicts its share of the images, and that of rank 0 gets all
/// predictions, in the order and with the bits that one process of as many threads gives them; the contents of all
/// images that were read are then known to its dataset, too. The sink of other processes is not called. A collective:
/// all processes call it with the same images and a predictor of the same options. What the sink of rank 0 throws ends
/// it in all processes; a request to stop in any of them, where the command listens for one, is core::Interrupted in
/// all. Throws as Predictor::stream.
void stream_together(const serve::Predictor& predictor, const std::shared_ptr<const data::Dataset>& images,
                     const predict::PredictionSink& sink, const std::string& task, collective::Group& group);

/// What processes share: images, and the model that predicts for them.
struct SharedWork {
  std::filesystem::path model;
  const serve::PredictorOptions& options;
  const data::Dataset& images;
  std::filesystem::path folder;  ///< below which the images' names count; "": their whole paths
};

/// Throws std::invalid_argument, in all processes alike, which names what differs: model, images, labels, or options
/// that change predictions.
void check_same_work(collective::Group& group, const SharedWork& work);

}  // namespace margay::cli
