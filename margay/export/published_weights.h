#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "margay/bundle/bundle.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::exporting {

/// What is written beside weights, besides what the bundle says.
struct PublishedOptions {
  std::string licence = {};        ///< "": what the provenance says, or nothing
  std::string source_sha256 = {};  ///< of the bundle's file
};

/// A classifier as torchvision or timm publish such networks.
struct PublishedModel {
  model::TensorMap tensors;
  std::string publisher;           ///< "torchvision", "timm", "torchvision and timm": whose names the tensors bear
  std::string network;             ///< its name there
  std::string config;              ///< config.json, as timm reads it (`hf-hub:`, `local-dir:`)
  std::string preprocessor;        ///< preprocessor_config.json, as the Hugging Face Hub's processors read it
  std::string card;                ///< README.md: the model card
  std::vector<std::string> notes;  ///< what these files cannot say, a sentence each
};

/// The classifier's tensors under published names, which are those of the network itself, with the head's under those
/// of the published head. Throws core::Error, naming the option, for heads that nobody publishes (fastai's, and a
/// linear one where the published head has more layers), networks that nobody publishes, and weights of another
/// arithmetic.
PublishedModel published_model(const bundle::Bundle& bundle, const PublishedOptions& options = {});

/// What becomes of files that are there.
enum class ExistingFiles { kRefuse, kReplace };

/// Writes the weights, and config.json, preprocessor_config.json and README.md beside them; each file appears complete
/// or not at all. Returns all of them, the weights first. Throws core::DataError, before anything is written, for a
/// file that is there and may not be replaced; core::IoError.
std::vector<std::filesystem::path> write_published(const std::filesystem::path& weights, const PublishedModel& model,
                                                   ExistingFiles existing = ExistingFiles::kRefuse);

}  // namespace margay::exporting
