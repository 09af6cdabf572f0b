#pragma once

/// What is called how in the ONNX files that Margay writes.
namespace margay::exporting {

/// ModelProto.producer_name.
inline constexpr const char* kOnnxProducer = "margay";

// Inputs: one of them.
inline constexpr const char* kPixelsInput = "pixels";  ///< uint8 [N,H,W,3], RGB, upright
inline constexpr const char* kTensorInput = "images";  ///< float [N,3,S,S], normalised

// Outputs, float [N,K] and [N].
inline constexpr const char* kLogitsOutput = "logits";
inline constexpr const char* kProbabilitiesOutput = "probabilities";  ///< calibrated
// Where the model tells unknown images.
inline constexpr const char* kUnknownScoreOutput = "unknown_score";
inline constexpr const char* kKnownOutput = "p_known";

// Keys of metadata.
inline constexpr const char* kClassesKey = "margay.classes";       ///< a JSON list, in the order of the outputs
inline constexpr const char* kSourceKey = "margay.source_sha256";  ///< of the NAME.margay that it was made from
/// SHA-256 of the file itself with 64 zeros in place of this value, followed by the SHA-256 of the file that holds its
/// constants, as text, if there is one.
inline constexpr const char* kSealKey = "margay.sha256";

}  // namespace margay::exporting
