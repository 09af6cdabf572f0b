#pragma once

#include <filesystem>

#include "margay/model/classifier.h"

namespace margay::model {

/// Fills the backbone with published weights: a safetensors file with torchvision's names, which are timm's too.
/// fc.* (the publisher's own classes) is ignored, num_batches_tracked may be absent, and float16 or bfloat16 values
/// are widened. The head keeps its values. Throws core::FormatError for missing, extra or wrongly shaped
/// tensors, telling which architecture the file looks like if that is another one; the classifier is then unchanged.
void load_pretrained(Classifier& classifier, const std::filesystem::path& file);

}  // namespace margay::model
