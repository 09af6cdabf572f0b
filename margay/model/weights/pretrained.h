#pragma once

#include <filesystem>
#include <string>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"

namespace margay::model {

/// What stands in the place of a path for weights that are to be looked up.
constexpr const char* kCachedWeights = "cached";

/// The weights of an architecture in a folder of those of several: NAME.safetensors, NAME.pth, NAME.pt, NAME.bin,
/// NAME.margay, or a folder NAME. "" when there are none.
std::filesystem::path look_up_weights(const std::filesystem::path& folder, const Architecture& architecture);

/// The same, but throws core::DataError when there are none, with fetch_advice. Nothing is ever downloaded.
std::filesystem::path find_weights(const std::filesystem::path& folder, const Architecture& architecture);

/// "fetch https://… (torchvision IMAGENET1K_V1) and save it as PLACE", or that nobody publishes any. place: a path, or
/// "".
std::string fetch_advice(const Architecture& architecture, const std::filesystem::path& place);

/// Whether the head's values are taken from the file.
enum class HeadWeights {
  kPublished,  ///< if the classifier has the published head and the file's is for as many classes
  kAny,  ///< if all of its tensors are in the file in the right shapes: going on with a fastai learner or a bundle
  kNever,
};

struct PretrainedOptions {
  HeadWeights head = HeadWeights::kPublished;
  /// 64 hexadecimal digits that the file must have; "": whatever it has.
  std::string sha256;
};

/// What has been loaded; for people.
struct LoadedWeights {
  std::string format;          ///< of the file, as WeightsFile's
  std::string naming;          ///< whose names it bears, as NamedWeights'
  bool has_kept_head = false;  ///< whether the head's values are the file's too
};

/// Fills the backbone with published weights, from whatever read_weights reads (of a folder that holds those of several
/// architectures, from look_up_weights'), under the names of our own modules,
/// of one of the architecture's namings, of fastai or of a bundle, with the prefixes of wrappers (naming.h).
/// Numbers of any precision become those of the classifier. num_batches_tracked may be absent or a fraction. For other
/// images than RGB the first convolution is adapted (adapt_input); what else a network can adapt, such as learnt
/// positions for another image size, it does itself (Backbone::adapt_published). The head keeps its values unless
/// HeadWeights says otherwise.
///
/// Throws core::DataError for a file that is not there, telling where its architecture's weights can be fetched, and
/// for one of another SHA-256; core::FormatError as read_weights, and for tensors that are missing, unexpected or
/// wrongly shaped: a table of them with the nearest names, and which architecture the file looks like if that is
/// another one; std::invalid_argument for a SHA-256 that is none, or is given for an index of several files. The
/// classifier is then unchanged.
LoadedWeights load_pretrained(Classifier& classifier, const std::filesystem::path& file_or_folder,
                              const PretrainedOptions& options = {});

/// A first convolution's weight [D,3,kH,kW] for images of C channels, [D,C,kH,kW], as timm's adapt_input_conv: for
/// one channel the sum over RGB, for others R, G, B, R, … times 3/C, so that an image of equal channels gives the same
/// response.
at::Tensor adapt_input(const at::Tensor& weight, std::int64_t channels);

}  // namespace margay::model
