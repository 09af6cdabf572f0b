#include "margay/model/weights/pretrained.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/model/weights/naming.h"
#include "margay/model/weights/tensor_map.h"
#include "margay/model/weights/weights_file.h"

namespace margay::model {
namespace {

constexpr std::array<const char*, 6> kCachedEndings = {".safetensors", ".pth",    ".pt",
                                                       ".bin",         ".margay", ""};  // "": a folder

std::string ending_of(const std::string& url) {
  const std::string ending = std::filesystem::path(url.substr(0, url.find_first_of("?#"))).extension().string();
  for (const char* each : kCachedEndings) {
    if (!ending.empty() && ending == each) return ending;
  }
  return ".safetensors";
}

}  // namespace

std::string fetch_advice(const Architecture& architecture, const std::filesystem::path& folder) {
  if (architecture.weights_url.empty()) {
    return fmt::format("no published weights of {} are known; train it from scratch", architecture.name);
  }
  const std::string where = folder.empty() ? "" : " to " + core::shown_path(folder);
  const std::string then = folder.empty() ? ", which `weights` auto then finds" : "";
  return fmt::format("`fetch {}{}` gets {}{}", architecture.full_name(), where, architecture.weights_name, then);
}

std::filesystem::path look_up_weights(const std::filesystem::path& folder, const Architecture& architecture) {
  std::error_code ignored;
  for (const char* ending : kCachedEndings) {
    std::filesystem::path place = folder / (architecture.full_name() + ending);
    if (std::filesystem::exists(place, ignored)) return place;
  }
  return {};
}

std::filesystem::path place_for_weights(const std::filesystem::path& folder, const Architecture& architecture) {
  return folder / (architecture.full_name() + ending_of(architecture.weights_url));
}

std::filesystem::path find_weights(const std::filesystem::path& folder, const Architecture& architecture) {
  if (const auto found = look_up_weights(folder, architecture); !found.empty()) return found;
  throw core::DataError(folder, fmt::format("holds no weights of {}, and nothing is downloaded without being asked: {}",
                                            architecture.full_name(), fetch_advice(architecture, folder)));
}

std::vector<const Architecture*> networks_with_weights(const std::filesystem::path& folder) {
  std::vector<const Architecture*> networks;
  for (const Architecture& each : architectures()) {
    if (!look_up_weights(folder, each).empty()) networks.push_back(&each);
  }
  if (!networks.empty()) return networks;
  throw core::DataError(folder,
                        "holds no weights of a network (NAME.safetensors, NAME.pth …); `fetch NAME to FOLDER` puts "
                        "some there, and `architectures` lists the names");
}

namespace {

constexpr std::int64_t kRgb = 3;
constexpr std::size_t kSha256Digits = 64;

}  // namespace

void swap_red_and_blue(TensorMap& weights) {
  const auto first = weights.find("conv1.weight");
  if (first == weights.end() || first->second.dim() != 4 || first->second.size(1) != kRgb) return;
  first->second = first->second.flip(1);
}

namespace {

/// Counters that old files lack, and halved ones turn into fractions, matter to no result; ours stay as they are.
void keep_own_counters(TensorMap& published, const TensorMap& own) {
  for (const auto& [name, tensor] : own) {
    if (!is_counter(name)) continue;
    at::Tensor& counter = published.emplace(name, tensor).first->second;
    if (counter.is_floating_point()) counter = tensor;
  }
}

/// Whether they differ by the channels of the images only.
bool is_input_of(const at::Tensor& own, const at::Tensor& published) {
  if (own.dim() != 4 || published.dim() != 4 || published.size(1) != kRgb || own.size(1) == kRgb) return false;
  return own.size(0) == published.size(0) && own.sizes().slice(2) == published.sizes().slice(2);
}

std::vector<std::int64_t> without_ones(at::IntArrayRef sizes) {
  std::vector<std::int64_t> kept;
  std::copy_if(sizes.begin(), sizes.end(), std::back_inserter(kept), [](std::int64_t size) { return size != 1; });
  return kept;
}

void adapt_shapes(TensorMap& published, const TensorMap& own) {
  for (auto& [name, tensor] : published) {
    const auto ours = own.find(name);
    if (ours == own.end() || ours->second.sizes() == tensor.sizes()) continue;
    if (is_input_of(ours->second, tensor)) {
      tensor = adapt_input(tensor, ours->second.size(1));
    } else if (without_ones(ours->second.sizes()) == without_ones(tensor.sizes())) {
      tensor = tensor.reshape(ours->second.sizes());
    }
  }
}

/// The file's tensors as this network would have them.
NamedWeights fitted(const TensorMap& found, const Backbone& backbone, const Architecture& architecture,
                    Arithmetic arithmetic) {
  const TensorMap own = state_of(backbone);
  const std::set<std::string> head = published_head_names(backbone);
  NamedWeights weights = name_as_ours(found, {own, head}, architecture);
  if (arithmetic == Arithmetic::kCaffe && weights.naming != kBundleNaming)
    swap_red_and_blue(weights.backbone);  // a bundle has RGB
  backbone.adapt_published(weights.backbone);
  adapt_shapes(weights.backbone, own);
  keep_own_counters(weights.backbone, own);
  return weights;
}

/// What networks have that are not in the table, though most of their tensors are those of one that is.
struct ForeignPart {
  std::string_view tensor;
  const char* what;
};

constexpr std::array<ForeignPart, 4> kForeignParts = {
    ForeignPart{"dist_token", "a distilled DeiT's, whose second token Margay has not; take deit_…, not …_distilled_…"},
    ForeignPart{"norm_pre.weight", "CLIP's transformer, which has a norm before the blocks, and which Margay has not"},
    ForeignPart{"reg_token",
                "a transformer's with registers, which Margay has for DINOv2 alone (reg4 in the name of `arch`)"},
    ForeignPart{"attnpool.positional_embedding", "CLIP's ResNet, whose stem and pooling Margay has not"}};

bool has_part(const TensorMap& tensors, std::string_view ending) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& each) {
    return each.first == ending || each.first.ends_with("." + std::string(ending));
  });
}

/// "; these look like resnet34's" if they fit another architecture. What fits one but for a part of none is foreign.
std::string likeness(const TensorMap& found, const Architecture& wanted) {
  const std::optional<Recognised> other = recognise(found);
  const bool is_exact = other && other->share == 1;
  for (const ForeignPart& each : kForeignParts) {
    if (!is_exact && has_part(found, each.tensor)) return fmt::format("; these look like {}", each.what);
  }
  if (!other || other->architecture->name == wanted.name) return "";
  return fmt::format("; these look like {0}'s, which takes `arch` {0}", other->architecture->name);
}

/// The first convolution and the batch norm behind it; null where there are none.
struct FirstLayers {
  const torch::nn::Conv2dImpl* conv = nullptr;
  const torch::nn::BatchNorm2dImpl* norm = nullptr;
};

FirstLayers first_layers(const torch::nn::Module& network) {
  FirstLayers first;
  for (const auto& each : network.modules(/*include_self=*/false)) {
    if (first.conv == nullptr) first.conv = each->as<torch::nn::Conv2d>();
    if (first.conv != nullptr && first.norm == nullptr) first.norm = each->as<torch::nn::BatchNorm2d>();
  }
  return first;
}

/// A filter w of n numbers makes of inputs with variance 1 results whose variance is at most n |w|², that of inputs
/// which are all alike. Where the batch norm remembers more than twice that, the images were no normalised ones.
/// Caffe's networks remember thousands of times as much: theirs are 0 … 255.
std::string scale_warning(const torch::nn::Module& network) {
  const FirstLayers first = first_layers(network);
  if (first.norm == nullptr || !first.norm->running_var.defined()) return "";
  const at::Tensor& weight = first.conv->weight;
  if (first.norm->running_var.size(0) != weight.size(0) || weight.size(1) != kRgb) return "";
  const double seen = first.norm->running_var.sum().item<double>();
  const double norm = weight.to(at::kDouble).square().sum().item<double>();
  const double most = norm * static_cast<double>(weight[0].numel());
  if (!(seen > 2 * most)) return "";
  return fmt::format(
      "these weights learnt from images whose numbers were not normalised, but perhaps 0 to 255: the variance behind "
      "the first convolution is {:.3g}, at most {:.3g} with normalised ones. Give `mean` and `std` as their publisher "
      "does, divided by 255, or `arithmetic` caffe for BGR images",
      seen / norm, most / norm);
}

bool takes_head(const Classifier& classifier, HeadWeights which) {
  if (which == HeadWeights::kPublished) return classifier.options().head.kind == HeadKind::kPublished;
  return which == HeadWeights::kAny;
}

void check_sha256(const std::filesystem::path& file, const std::string& expected) {
  const std::string wanted = core::lower_case(expected);
  if (wanted.size() != kSha256Digits || wanted.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw std::invalid_argument(
        fmt::format("[load_pretrained] a SHA-256 has {} hexadecimal digits, got '{}'", kSha256Digits, expected));
  }
  if (is_index_of_weights(file)) {
    throw std::invalid_argument("[load_pretrained] a SHA-256 is for one file; these weights are in several");
  }
  const std::string found = core::sha256_of_file(file);
  if (found == wanted) return;
  throw core::DataError(file,
                        fmt::format("has the SHA-256 {}, expected {}: another file, or a damaged one", found, wanted));
}

/// A folder may hold the weights of several architectures.
std::filesystem::path path_for(const std::filesystem::path& file_or_folder, const Architecture& architecture) {
  const std::filesystem::path found = look_up_weights(file_or_folder, architecture);
  return weights_file_of(found.empty() ? file_or_folder : found);
}

void check_exists(const std::filesystem::path& path, const Architecture& architecture) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return;
  throw core::DataError(path, fmt::format("does not exist, and nothing is downloaded without being asked: {}",
                                          fetch_advice(architecture)));
}

}  // namespace

at::Tensor adapt_input(const at::Tensor& weight, std::int64_t channels) {
  if (weight.dim() != 4 || weight.size(1) != kRgb || channels < 1) {
    throw std::invalid_argument("[adapt_input] weight must be [D,3,kH,kW] and channels positive");
  }
  const at::Tensor wide = weight.to(at::kFloat);
  if (channels == 1) return wide.sum(1, /*keepdim=*/true);
  const at::Tensor repeated = wide.repeat({1, (channels + kRgb - 1) / kRgb, 1, 1}).narrow(1, 0, channels);
  return repeated * (static_cast<double>(kRgb) / static_cast<double>(channels));
}

std::filesystem::path existing_weights(const std::filesystem::path& file_or_folder, const Architecture& architecture) {
  check_exists(file_or_folder, architecture);
  return path_for(file_or_folder, architecture);
}

PretrainedFile read_pretrained(const std::filesystem::path& file_or_folder, const Architecture& architecture,
                               const std::string& sha256) {
  std::filesystem::path path = existing_weights(file_or_folder, architecture);
  if (!sha256.empty()) check_sha256(path, sha256);
  WeightsFile content = read_weights(path);
  return {std::move(path), std::move(content)};
}

LoadedWeights load_pretrained(Classifier& classifier, const std::filesystem::path& file_or_folder,
                              const PretrainedOptions& options) {
  const Architecture& architecture = find_architecture(classifier.options().architecture);
  return load_pretrained(classifier, read_pretrained(file_or_folder, architecture, options.sha256), options.head);
}

LoadedWeights load_pretrained(Classifier& classifier, const PretrainedFile& file, HeadWeights which) {
  const Architecture& architecture = find_architecture(classifier.options().architecture);
  const TensorMap& found = file.content.tensors;
  NamedWeights weights = fitted(found, classifier.backbone(), architecture, classifier.options().arithmetic);
  const TensorMap own = state_of(classifier.backbone());
  const StateMismatch mismatch = compare_states(own, weights.backbone);
  if (!mismatch.empty()) {
    throw core::FormatError(file.path, fmt::format("does not hold {}'s weights{}: {}", architecture.name,
                                                   likeness(found, architecture), mismatch.text()));
  }
  copy_state(weights.backbone, own);
  const TensorMap head = state_of(*classifier.head());
  adapt_shapes(weights.head, head);
  keep_own_counters(weights.head, head);
  const bool keeps_head = takes_head(classifier, which) && compare_states(head, weights.head).empty();
  if (keeps_head) copy_state(weights.head, head);
  const bool expects_any = classifier.options().arithmetic == Arithmetic::kCaffe;
  return {file.content.format, weights.naming, keeps_head, expects_any ? "" : scale_warning(classifier.backbone())};
}

}  // namespace margay::model
