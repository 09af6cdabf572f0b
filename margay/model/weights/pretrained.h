#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/weights/weights_file.h"

namespace margay::model {

/// The value of a weights option that means: look the weights up in the cache folder.
constexpr const char* kCachedWeights = "cached";

/// The weights of an architecture in a folder with those of several: NAME.safetensors, NAME.pth, NAME.pt, NAME.bin,
/// NAME.margay, or a folder NAME, where NAME is its full_name(). "" if there are none.
std::filesystem::path look_up_weights(const std::filesystem::path& folder, const Architecture& architecture);

/// The same, but throws core::DataError when there are none, with fetch_advice. Nothing is ever downloaded.
std::filesystem::path find_weights(const std::filesystem::path& folder, const Architecture& architecture);

/// The file that load_pretrained reads: what is given, or that of the architecture in a folder with those of several.
/// Throws core::DataError, with fetch_advice, if there is none.
std::filesystem::path existing_weights(const std::filesystem::path& file_or_folder, const Architecture& architecture);

/// Where look_up_weights would find the architecture's published file in this folder: NAME.safetensors or NAME.pth.
std::filesystem::path place_for_weights(const std::filesystem::path& folder, const Architecture& architecture);

/// The networks whose weights look_up_weights finds in a folder, in the order of the table. Throws core::DataError if
/// there are none.
std::vector<const Architecture*> networks_with_weights(const std::filesystem::path& folder);

/// "`fetch resnet34 to FOLDER` gets torchvision IMAGENET1K_V1", or that no published weights are known. folder: as for
/// find_weights; "": the user's cache, where `weights` auto finds them.
std::string fetch_advice(const Architecture& architecture, const std::filesystem::path& folder = "");

/// A file of weights that has been read, once for all that is asked of it.
struct PretrainedFile {
  std::filesystem::path path;  ///< as existing_weights gives it
  WeightsFile content;
};

/// Reads what is given, or the file of the architecture in a folder with those of several. sha256: what the file must
/// have, 64 hexadecimal digits; "": any. Throws core::DataError for a missing file, with
/// fetch_advice, and for a file with another SHA-256; core::FormatError as read_weights;
/// std::invalid_argument for an invalid SHA-256, or one given for an index of several files.
PretrainedFile read_pretrained(const std::filesystem::path& file_or_folder, const Architecture& architecture,
                               const std::string& sha256 = "");

/// Whether the head's values are loaded from the file.
enum class HeadWeights {
  kPublished,  ///< if the classifier has the published head and the file has as many classes
  kAny,        ///< if all of its tensors are in the file in the right shapes: to continue a fastai learner or a bundle
  kNever,
};

struct PretrainedOptions {
  HeadWeights head = HeadWeights::kPublished;
  std::string sha256;  ///< as for read_pretrained
};

/// A description of what was loaded.
struct LoadedWeights {
  std::string format;          ///< of the file, as WeightsFile's
  std::string naming;          ///< whose names it bears, as NamedWeights'
  bool has_kept_head = false;  ///< whether the head's values are the file's too
  std::string warning = {};    ///< what the numbers make doubtful; "" for nothing
};

/// Fills the backbone with published weights, from whatever read_weights reads (of a folder that holds those of several
/// architectures, from look_up_weights'), under the names of our own modules, of one of the architecture's namings, of
/// fastai or of a bundle, with the prefixes of wrappers (naming.h).
/// Numbers of any precision are converted to the classifier's. num_batches_tracked may be absent or a fraction. If
/// images are not RGB, the first convolution is adapted (adapt_input). Networks adapt other tensors themselves, such as
/// learnt positions for another image size (Backbone::adapt_published). The head keeps its values unless HeadWeights
/// says otherwise. The classifier computes by its own arithmetic; recognise_form says which one the weights expect.
///
/// Throws as read_pretrained, and core::FormatError for tensors that are missing, unexpected or wrongly shaped, with a
/// table of them, the nearest names, and the architecture that the file seems to be of. The classifier is not changed
/// then.
LoadedWeights load_pretrained(Classifier& classifier, const std::filesystem::path& file_or_folder,
                              const PretrainedOptions& options = {});

/// The same of a file that has been read already.
LoadedWeights load_pretrained(Classifier& classifier, const PretrainedFile& file,
                              HeadWeights which = HeadWeights::kPublished);

/// Turns the first convolution between RGB, as in a bundle, and BGR, which Caffe's networks read. Networks have it
/// under our names, "conv1.weight".
void swap_red_and_blue(TensorMap& weights);

/// A first convolution's weight [D,3,kH,kW] for images of C channels, [D,C,kH,kW], as timm's adapt_input_conv: for
/// one channel the sum over RGB, for others R, G, B, R, … times 3/C, so that an image of equal channels gives the same
/// response.
at::Tensor adapt_input(const at::Tensor& weight, std::int64_t channels);

}  // namespace margay::model
