#pragma once

#include <span>

#include "margay/model/weights/weight_sets.h"

namespace margay::model {

/// Statistics that publishers normalise by (timm/data/constants.py).
enum class PublishedStatistics {
  kOfImagenet,
  kOfInception,  ///< -1 … 1
  kOfClip,
  kAsPixelsAre,  ///< 0 … 1
};

constexpr const char* kTimmResults = "timm/models, results/results-imagenet.csv (November 2024)";

/// A set that timm has on the Hugging Face Hub. What has no source is "" or 0.
struct TimmSetRow {
  const char* network;
  const char* name;
  int input_px;
  double crop_share;
  PublishedResize resize;
  double top1;
  PublishedStatistics statistics = PublishedStatistics::kOfImagenet;
  const char* licence = "";
  const char* source = kTimmResults;
};

/// A set that torchvision publishes, normalised by ImageNet's statistics.
struct TorchvisionSetRow {
  const char* network;
  const char* tag;
  const char* file;  ///< with its hash, without ending
  int crop_px;
  int resize_px;
  PublishedResize resize;
  double top1;
  const char* licence = "";
};

std::span<const TimmSetRow> timm_set_rows();
std::span<const TorchvisionSetRow> torchvision_set_rows();

}  // namespace margay::model
