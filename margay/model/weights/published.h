#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/weights_file.h"

namespace margay::model {

/// What weights expect that neither names nor shapes of their tensors say.
struct PublishedForm {
  std::string name;    ///< what their publisher calls them, such as "tf_efficientnet_b0.ns_jft_in1k"; "": unknown
  std::string source;  ///< what told it: "the file's name", "config.json beside it", "its metadata"; "": nothing did
  Arithmetic arithmetic = Arithmetic::kUsual;
  std::array<double, 3> mean = core::kImagenetMean;  ///< for normalisation, of pixels / 255
  std::array<double, 3> std = core::kImagenetStd;
  std::vector<std::string> warnings = {};  ///< what may be wrong, and the option that mends it
  /// The published set that they are by that name; null: none that is known.
  const WeightSet* weight_set = nullptr;

  /// Whether they are those of the architecture's table.
  bool is_usual(const Architecture& architecture) const;
};

/// Recognises what the weights of an architecture expect, by the first of these that tells:
/// - a .margay bundle's own description;
/// - metadata of safetensors ("architecture", and as JSON "pretrained_cfg", as timm calls them; form_metadata);
/// - config.json beside the file, as timm's models have on the Hugging Face Hub, if it is of this architecture;
/// - the name of the file, or for model.safetensors and the like of a folder around it, by a table of publishers'
/// names;
/// - names of tensors that only one publisher has.
/// What nothing tells is taken to be usual; where the tensors make that doubtful, there is a warning.
/// path: of the file that was read (weights_file_of). Throws nothing for what it cannot read.
PublishedForm recognise_form(const std::filesystem::path& path, const WeightsFile& file,
                             const Architecture& architecture);

/// The published set that a file is by its name, or by those of the folders around it where its own says nothing; null:
/// none that is known.
const WeightSet* weight_set_of_path(const std::filesystem::path& path);

/// Where an architecture was named together with its weights (Architecture::weight_set), throws core::DataError for a
/// file of other published weights of the network: by form's name of it, or where that tells nothing by the SHA-256
/// that its publisher states.
void check_weight_set(const std::filesystem::path& path, const PublishedForm& form, const Architecture& architecture);

/// What recognise_form reads again from a safetensors file with this metadata, under whatever name.
Metadata form_metadata(const PublishedForm& form);

/// The same form with the arithmetic that an option gives; it is named where it differs from what was recognised.
/// Throws std::invalid_argument as check_arithmetic.
PublishedForm with_arithmetic(PublishedForm form, std::optional<Arithmetic> given, const Architecture& architecture);

/// "tf_efficientnet_b0.ap_in1k (by the file's name): arithmetic tensorflow, mean 0.5,0.5,0.5, std 0.5,0.5,0.5".
std::string form_text(const PublishedForm& form);

}  // namespace margay::model
