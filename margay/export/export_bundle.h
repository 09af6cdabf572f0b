#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <utility>

#include "margay/bundle/bundle.h"
#include "margay/core/options.h"
#include "margay/export/onnx_model.h"

namespace margay::exporting {

/// Where an exported model begins.
enum class OnnxInput {
  kPixels,  ///< "pixels", uint8 [N,H,W,3], RGB, upright, of any size: the bundle's validation path is in the file
  kTensor,  ///< "images", float [N,C,S,S], resized and normalised by whoever runs it
};

constexpr auto names(OnnxInput /*tag*/) {
  return std::array{std::pair{OnnxInput::kPixels, "pixels"}, std::pair{OnnxInput::kTensor, "tensor"}};
}

struct OnnxOptions {
  OnnxInput input = OnnxInput::kPixels;
  int opset = 18;       ///< of ONNX's operators, 17 … 18; pixels need 18
  std::string licence;  ///< of the model, for its metadata; "": what the provenance says, or nothing

  static const core::OptionTable& fields();
};

/// The file that a model is made from, for its metadata.
struct OnnxSource {
  std::string name;    ///< without folders
  std::string sha256;  ///< hexadecimal
};

/// Throws std::invalid_argument for an opset that the input cannot have, and core::Error, naming each option, for what
/// the bundle's transforms and network hold and ONNX cannot express.
void check_onnx_options(const bundle::Bundle& bundle, const OnnxOptions& options);

/// A bundle as an ONNX model, from the input to calibrated probabilities. N may be any number, in one run all images
/// have one size. Outputs:
/// - logits, float [N,K];
/// - probabilities, float [N,K]: softmax, or sigmoids for several labels, of logits / temperature;
/// - where the bundle tells unknown images, unknown_score, float [N], and p_known, float [N]: images whose p_known is
///   at most the metadata's alpha are none of the classes.
/// Names of weights are those of the classifier's state. Metadata, each with "margay." before it: classes (JSON), task,
/// architecture, input, image_size, mean, std and resize (JSON), deep_bits, temperature, alpha, licence, source,
/// source_sha256, and sha256 of the file itself (kSealKey); for pixels also ONNX's Image.* (docs/MetadataProps.md). The
/// model shares the bundle's weights, which must stay as they are until it has been written. Throws as
/// check_onnx_options.
OnnxModel onnx_of(const bundle::Bundle& bundle, const OnnxOptions& options = {}, const OnnxSource& source = {});

}  // namespace margay::exporting
