#include "margay/export/published_weights.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/field_type.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/metric/interval.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/naming.h"
#include "margay/model/weights/safetensors.h"

namespace margay::exporting {
namespace {

namespace fs = std::filesystem;
using CardJson = nlohmann::ordered_json;

/// Where a network of these names is found.
struct PublishedPlace {
  std::string publisher;
  std::string network;
  bool is_of_timm = true;
};

/// Whose names the networks of the table bear, by family.
PublishedPlace place_of(const model::Architecture& architecture) {
  static const std::set<std::string> kTimm = {
      "ViT", "DINOv2", "DINOv2 with registers", "ResNet-D", "ConvNeXt V2", "MobileNetV4", "RepViT"};
  static const std::set<std::string> kBoth = {"ResNet", "ResNeXt", "Wide ResNet", "DenseNet"};
  if (architecture.weights_url.empty()) {
    throw core::Error(fmt::format(
        "[export] nobody publishes {}, so there are no names for its weights: export it as ONNX", architecture.name));
  }
  if (architecture.name == "vit_b_16") return {"timm", "vit_base_patch16_224"};
  if (kTimm.contains(architecture.family)) return {"timm", architecture.name};
  if (kBoth.contains(architecture.family)) return {"torchvision and timm", architecture.name};
  return {"torchvision", architecture.name, /*is_of_timm=*/false};
}

void check_arithmetic(const model::ClassifierOptions& options) {
  if (options.arithmetic == model::Arithmetic::kUsual) return;
  throw core::Error(
      fmt::format("[export] the weights compute as `arithmetic` {}; the published {} does not: export "
                  "the model as ONNX",
                  core::to_text(options.arithmetic), options.architecture));
}

[[noreturn]] void refuse_head(const model::ClassifierOptions& options, const char* why) {
  throw core::Error(
      fmt::format("[export] `head.kind` {}: {}: export the model as ONNX, or train it with `head.kind` published",
                  core::to_text(options.head.kind), why));
}

/// The names of a linear head's weight and bias in the published network.
std::string published_linear(const model::Classifier& classifier) {
  const torch::nn::Sequential published = classifier.backbone().make_published_head(classifier.num_classes());
  const model::TensorMap state = model::state_of(*published);
  const auto weight = std::find_if(state.begin(), state.end(), [](const auto& each) { return each.second.dim() == 2; });
  if (state.size() != 2 || weight == state.end()) {
    refuse_head(classifier.options(), "the head of the published network has more layers");
  }
  return weight->first.substr(0, weight->first.rfind('.'));
}

/// The head's tensors under published names.
void add_head(const model::Classifier& classifier, model::TensorMap& tensors) {
  const model::TensorMap own = model::state_of(*classifier.head());
  const bool is_linear = classifier.options().head.kind == model::HeadKind::kLinear;
  const std::string linear = is_linear ? published_linear(classifier) : "";
  for (const auto& [name, tensor] : own) {
    tensors[is_linear ? linear + name.substr(name.rfind('.')) : name] = tensor;
  }
}

/// The layer that gives the logits: the last name of the published head with a weight.
std::string classifier_name(const model::Classifier& classifier) {
  if (classifier.options().head.kind == model::HeadKind::kLinear) return published_linear(classifier);
  std::string last;
  for (const auto& each : classifier.head()->named_parameters()) {
    if (each.key().ends_with(".weight")) last = each.key().substr(0, each.key().rfind('.'));
  }
  return last;
}

// How images are resized, in words that others have.

/// Side of what the centre crop is cut from, in pixels of the network's input.
double squeezed_side(const data::Transforms& transforms) {
  const data::ResizeOptions& resize = transforms.resize;
  if (resize.method != data::ResizeMethod::kRandomCrop) return transforms.augment.size;
  const double larger = resize.size + std::ceil(resize.size * resize.val_xtra / 8) * 8;
  return transforms.augment.size * larger / resize.size;
}

const char* crop_mode(data::ResizeMethod method) {
  switch (method) {
    case data::ResizeMethod::kCrop:
      return "center";
    case data::ResizeMethod::kPad:
      return "border";
    case data::ResizeMethod::kSquish:
    case data::ResizeMethod::kRandomCrop:
      break;
  }
  return "squash";
}

std::string config_json(const bundle::Bundle& bundle, const PublishedPlace& place) {
  const data::Transforms& transforms = bundle.transforms;
  const model::Classifier& classifier = *bundle.classifier;
  const int size = transforms.augment.size;
  const CardJson pretrained = {{"tag", "margay"},
                               {"custom_load", false},
                               {"input_size", {classifier.options().in_channels, size, size}},
                               {"fixed_input_size", classifier.backbone().only_px().has_value()},
                               {"interpolation", "bilinear"},
                               {"crop_pct", size / squeezed_side(transforms)},
                               {"crop_mode", crop_mode(transforms.resize.method)},
                               {"mean", transforms.normalization.mean},
                               {"std", transforms.normalization.std},
                               {"num_classes", classifier.num_classes()},
                               {"classifier", classifier_name(classifier)}};
  const CardJson config = {{"architecture", place.network},
                           {"num_classes", classifier.num_classes()},
                           {"num_features", classifier.backbone().features()},
                           {"label_names", bundle.vocabulary.names()},
                           {"pretrained_cfg", pretrained},
                           {"library", place.is_of_timm ? "timm" : "torchvision"},
                           {"margay",
                            {{"task", core::to_text(bundle.task)},
                             {"temperature", bundle.calibration.temperature},
                             {"transforms", core::to_json(transforms)}}}};
  return config.dump(2) + "\n";
}

std::string preprocessor_json(const data::Transforms& transforms) {
  constexpr int kPillowBilinear = 2;
  const int size = transforms.augment.size;
  const auto squeezed = static_cast<int>(std::lround(squeezed_side(transforms)));
  const bool is_crop = transforms.resize.method == data::ResizeMethod::kCrop;
  const CardJson resized =
      is_crop ? CardJson{{"shortest_edge", size}} : CardJson{{"height", squeezed}, {"width", squeezed}};
  const CardJson json = {{"do_resize", true},
                         {"size", resized},
                         {"resample", kPillowBilinear},
                         {"do_center_crop", is_crop || squeezed != size},
                         {"crop_size", {{"height", size}, {"width", size}}},
                         {"do_rescale", true},
                         {"rescale_factor", 1.0 / 255},
                         {"do_normalize", true},
                         {"image_mean", transforms.normalization.mean},
                         {"image_std", transforms.normalization.std}};
  return json.dump(2) + "\n";
}

std::vector<std::string> notes_of(const bundle::Bundle& bundle) {
  const data::Transforms& transforms = bundle.transforms;
  std::vector<std::string> notes;
  if (transforms.resize.size != transforms.augment.size) {
    notes.push_back(fmt::format("images were resized twice, to {} and then to {} pixels; these files say once, to {}",
                                transforms.resize.size, transforms.augment.size, transforms.augment.size));
  }
  if (transforms.resize.method == data::ResizeMethod::kPad) {
    notes.push_back(fmt::format("images were padded to squares ({}), which preprocessor_config.json cannot say",
                                core::to_text(transforms.resize.pad_mode)));
  }
  if (transforms.deep_bits != 16) {
    notes.push_back(fmt::format("of 16-bit images {} bits hold data (`deep_bits`), which these files cannot say",
                                transforms.deep_bits));
  }
  if (bundle.calibration.temperature != 1) {
    notes.push_back(
        fmt::format("logits are to be divided by {:.6g} before softmax or sigmoid", bundle.calibration.temperature));
  }
  if (bundle.task == data::Task::kMultiLabel)
    notes.push_back("an image has any number of classes: sigmoids, no softmax");
  if (bundle.unknown) notes.push_back("what tells images of none of the classes is only in the model itself");
  return notes;
}

// The model card.

std::string share_line(const std::string& name, double share, std::int64_t images) {
  if (images == 0) return fmt::format("| {} | {:.4f} | |\n", name, share);
  const auto n = static_cast<double>(images);
  const metric::Interval interval = metric::wilson_interval(std::round(share * n), n);
  return fmt::format("| {} | {:.4f} | {:.4f} to {:.4f} |\n", name, share, interval.low, interval.high);
}

/// Numbers of the validation images, as the provenance has them.
std::string metrics_table(const bundle::Bundle& bundle) {
  static const std::set<std::string> kShares = {"error_rate", "accuracy"};
  const auto images = static_cast<std::int64_t>(bundle.known_images.valid_contents.size());
  std::string rows;
  for (const auto& [name, value] : bundle.provenance.items()) {
    if (!value.is_number_float()) continue;
    const double number = value.get<double>();
    const bool is_share = kShares.contains(name) && number >= 0 && number <= 1;
    rows += is_share ? share_line(name, number, images) : fmt::format("| {} | {:.4f} | |\n", name, number);
  }
  if (rows.empty()) return "None are known.\n";
  const std::string of = images > 0 ? fmt::format("Of the {} validation images of the training.\n\n", images) : "";
  return of + "| metric | value | 95 % interval (Wilson) |\n| --- | --- | --- |\n" + rows;
}

std::string digest_text(const data::DigestSet& set) { return core::sha256_of(set.bytes()); }

std::string data_text(const data::KnownImages& known) {
  if (known.empty()) return "The model does not know which images it was trained on.\n";
  return fmt::format(
      "| images | number | SHA-256 of their salted digests |\n| --- | --- | --- |\n"
      "| training | {} | {} |\n| validation | {} | {} |\n",
      known.train_contents.size(), digest_text(known.train_contents), known.valid_contents.size(),
      digest_text(known.valid_contents));
}

std::string licence_for_card(const bundle::Bundle& bundle, const PublishedOptions& options) {
  if (!options.licence.empty()) return options.licence;
  const auto found = bundle.provenance.find("licence");
  return found != bundle.provenance.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string front_matter(const PublishedPlace& place, const std::string& licence) {
  std::string text = "---\n";
  if (!licence.empty()) text += fmt::format("license: {}\n", CardJson(licence).dump());
  text += fmt::format("library_name: {}\npipeline_tag: image-classification\ntags:\n- image-classification\n- {}\n",
                      place.is_of_timm ? "timm" : "torchvision", place.network);
  return text + "---\n\n";
}

/// Of the weights that training began from, whose licence may bind what came of them.
std::string origin_text(const CardJson& provenance) {
  const auto found = provenance.find("pretrained");
  if (found == provenance.end() || !found->is_object()) return "";
  const auto text_at = [&](const char* key) {
    const auto value = found->find(key);
    return value != found->end() && value->is_string() ? value->get<std::string>() : std::string();
  };
  const std::string licence = text_at("licence");
  return fmt::format("\nTrained from the weights {}, whose licence is {}.\n", text_at("weights"),
                     licence.empty() ? "not known" : licence);
}

std::string card_text(const bundle::Bundle& bundle, const PublishedPlace& place, const PublishedModel& model,
                      const PublishedOptions& options) {
  const std::string licence = licence_for_card(bundle, options);
  const data::Transforms& transforms = bundle.transforms;
  std::string text = front_matter(place, licence);
  text += fmt::format("# {} for {} classes\n\nTensors bear the names of {}'s {}.\n\n", place.network,
                      bundle.vocabulary.size(), model.publisher, place.network);
  text += fmt::format("Images of {} x {} pixels, channels (value / 255 - mean) / std with mean {} and std {}.\n\n",
                      transforms.augment.size, transforms.augment.size, CardJson(transforms.normalization.mean).dump(),
                      CardJson(transforms.normalization.std).dump());
  for (const std::string& note : model.notes) text += "- Note: " + note + ".\n";
  text += fmt::format("\n## Classes\n\n{}\n", CardJson(bundle.vocabulary.names()).dump());
  text += "\n## Metrics\n\n" + metrics_table(bundle);
  text += "\n## Data\n\n" + data_text(bundle.known_images);
  text += fmt::format("\n## Licence\n\n{}\n", licence.empty() ? "Not stated." : licence);
  text += origin_text(bundle.provenance);
  text += fmt::format("\n## Origin\n\nWritten by margay {}.", MARGAY_VERSION);
  if (!options.source_sha256.empty()) text += fmt::format(" SHA-256 of the model's file: {}.", options.source_sha256);
  return text + "\n";
}

}  // namespace

PublishedModel published_model(const bundle::Bundle& bundle, const PublishedOptions& options) {
  const model::Classifier& classifier = *bundle.classifier;
  const PublishedPlace place = place_of(model::find_architecture(classifier.options().architecture));
  check_arithmetic(classifier.options());
  if (classifier.options().head.kind == model::HeadKind::kFastai) {
    refuse_head(classifier.options(), "no published network has fastai's head");
  }
  PublishedModel published{.publisher = place.publisher, .network = place.network};
  published.tensors = model::state_of(classifier.backbone());
  add_head(classifier, published.tensors);
  published.notes = notes_of(bundle);
  published.config = config_json(bundle, place);
  published.preprocessor = preprocessor_json(bundle.transforms);
  published.card = card_text(bundle, place, published, options);
  return published;
}

std::vector<fs::path> write_published(const fs::path& weights, const PublishedModel& model, ExistingFiles existing) {
  const fs::path folder = weights.parent_path();
  const std::vector<std::pair<fs::path, const std::string*>> texts = {
      {folder / "config.json", &model.config},
      {folder / "preprocessor_config.json", &model.preprocessor},
      {folder / "README.md", &model.card}};
  std::vector<fs::path> files = {weights};
  for (const auto& [path, text] : texts) files.push_back(path);
  for (const fs::path& file : files) {
    if (existing == ExistingFiles::kRefuse && fs::exists(file)) {
      throw core::DataError(file, "exists already; `overwrite` replaces it, or give a name in another folder");
    }
  }
  for (const auto& [path, text] : texts) core::write_file_atomically(path, *text);
  model::write_safetensors(weights, model.tensors, {{"format", "pt"}});
  return files;
}

}  // namespace margay::exporting
