#include "margay/model/weights/published.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/json_values.h"
#include "margay/core/options.h"
#include "margay/core/text.h"
#include "margay/model/weights/naming.h"

namespace margay::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Rgb = std::array<double, 3>;

constexpr const char* kArithmeticKey = "arithmetic";  // also of ClassifierOptions, in a bundle

/// Statistics of normalisation.
struct Published {
  Rgb mean;
  Rgb std;
};

// timm/data/constants.py
const Published kImagenet{core::kImagenetMean, core::kImagenetStd};
constexpr Published kInception{{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}};
constexpr Published kClip{{0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}};
// timm/models/mobilenetv3.py, of Alibaba-MIIL's: pixels / 255 as they are
constexpr Published kAsTheyAre{{0, 0, 0}, {1, 1, 1}};
// torchvision/models/vgg.py, VGG16_Weights.IMAGENET1K_FEATURES: 0-255 less a mean
constexpr Published kVggFeatures{{0.48235, 0.45882, 0.40784}, {1.0 / 255, 1.0 / 255, 1.0 / 255}};
// MMDetection's configurations of resnet50_msra (style='caffe'): BGR 103.530, 116.280, 123.675, std 1; here in RGB
constexpr Published kCaffeStatistics{{123.675 / 255, 116.280 / 255, 103.530 / 255}, {1.0 / 255, 1.0 / 255, 1.0 / 255}};

/// What publishers call weights, and what those expect. The first row whose patterns match decides.
struct NameRow {
  const char* name;          ///< RE2 for the whole name, in small letters
  const char* architecture;  ///< RE2 for the architectures whose shapes they have
  Arithmetic arithmetic;
  const Published& statistics;
};

const std::vector<NameRow>& name_rows() {
  using enum Arithmetic;
  static const std::vector<NameRow> rows = {
      // timm/models/efficientnet.py: advprop's expect -1 … 1
      {R"(tf_efficientnet_b\d([._-].*)?[._-]ap([._-].*)?)", R"(efficientnet_b\d)", kTensorFlow, kInception},
      {R"(tf_efficientnet_b\d([._-].*)?)", R"(efficientnet_b\d)", kTensorFlow, kImagenet},
      {R"(efficientnet_b\d([._-].*)?)", R"(efficientnet_b\d)", kUsual, kImagenet},
      // timm/models/mobilenetv3.py
      {R"(tf_mobilenetv3_(large|small)_100([._-].*)?)", R"(mobilenet_v3_(large|small))", kTensorFlow, kInception},
      {R"(mobilenetv3_large_100[._-].*miil.*)", R"(mobilenet_v3_large)", kTimm, kAsTheyAre},
      {R"(mobilenetv3_(large|small)_100([._-].*)?)", R"(mobilenet_v3_(large|small))", kTimm, kImagenet},
      {R"(mobilenet_v3_(large|small)([._-].*)?)", R"(mobilenet_v3_(large|small))", kUsual, kImagenet},
      // timm/models/deit.py; DINO's and MAE's files: timm/models/vision_transformer.py
      {R"(deit_(tiny|small|base)_patch16_.*)", R"(vit_.*)", kUsual, kImagenet},
      {R"(dino_(deit|vit)(small|base)16.*)", R"(vit_.*)", kUsual, kImagenet},
      {R"(mae_pretrain_vit_.*)", R"(vit_.*)", kUsual, kImagenet},
      {R"(mae_finetuned_vit_.*)", R"(vit_.*)", kMeanPooled, kImagenet},
      {R"(vit_.*_patch16_\d+[._-](dino|mae)([._-].*)?)", R"(vit_.*)", kUsual, kImagenet},
      {R"(vit_.*miil.*)", R"(vit_.*)", kUsual, kAsTheyAre},
      {R"(.*dinov2.*)", R"(vit_.*)", kUsual, kImagenet},
      // timm/models/convnext.py, timm/models/vision_transformer.py
      {R"((vit|convnext)_.*[._-](clip|openai|dfn|metaclip|laion).*)", R"((vit|convnext)_.*)", kUsual, kClip},
      // timm/models/vision_transformer.py: augreg's, the original ones, SAM's
      {R"(vit_(tiny|small|base)_patch16_\d+([._-].*)?)", R"(vit_.*)", kUsual, kInception},
      // torchvision/models/vision_transformer.py
      {R"(vit_b_16([._-].*)?)", R"(vit_.*)", kUsual, kImagenet},
      // torchvision/models/vgg.py; MMDetection's vgg16_caffe (configs/ssd): 0-255 less a mean, RGB
      {R"(vgg16_features.*amdegroot.*)", R"(vgg16)", kUsual, kVggFeatures},
      {R"(vgg16_caffe.*)", R"(vgg16)", kUsual, kCaffeStatistics},
      // MMDetection's resnet50_caffe, resnet50_msra, …
      {R"(res(ne|nex)t\d+.*[._-](caffe|msra|detectron)([._-].*)?)", R"((wide_)?res(ne|nex)t.*)", Arithmetic::kCaffe,
       kCaffeStatistics}};
  return rows;
}

bool knows(const Architecture& architecture, Arithmetic arithmetic) {
  const auto& known = architecture.arithmetics;
  return arithmetic == Arithmetic::kUsual || std::find(known.begin(), known.end(), arithmetic) != known.end();
}

const NameRow* row_of(const std::string& name, const Architecture& architecture) {
  const auto fits = [&](const NameRow& row) {
    return knows(architecture, row.arithmetic) && RE2::FullMatch(architecture.name, row.architecture) &&
           RE2::FullMatch(name, row.name);
  };
  const auto found = std::find_if(name_rows().begin(), name_rows().end(), fits);
  return found == name_rows().end() ? nullptr : &*found;
}

/// "models--timm--tf_efficientnet_b0.ns_jft_in1k", a folder of the Hub's cache, and
/// "tf_efficientnet_b0_ns-c0e6a31c.pth" without what is not their name, in small letters.
std::string plain_name(const fs::path& part) {
  std::string name = core::lower_case(part.string());
  for (const char* ending : {".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar"}) {
    if (name.ends_with(ending)) name.erase(name.size() - std::string_view(ending).size());
  }
  const std::size_t owner = name.rfind("--");
  return name.starts_with("models--") && owner != std::string::npos ? name.substr(owner + 2) : name;
}

PublishedForm form_of(const NameRow& row, std::string name, const char* source) {
  return {.name = std::move(name),
          .source = source,
          .arithmetic = row.arithmetic,
          .mean = row.statistics.mean,
          .std = row.statistics.std,
          .warnings = {}};
}

/// Whether a file bears the name that all models of its kind have, so that its folder's name is the model's.
bool is_any_models(const std::string& name) {
  return RE2::FullMatch(name, R"((pytorch_|open_clip_pytorch_)?model([._-].*)?|weights|checkpoint)");
}

/// A set's own statistics go before those of all names like its own.
PublishedForm form_of(const WeightSet& set, const NameRow* row, std::string name, const char* source) {
  return {.name = std::move(name),
          .source = source,
          .arithmetic = row == nullptr ? Arithmetic::kUsual : row->arithmetic,
          .mean = set.mean,
          .std = set.std,
          .weight_set = &set};
}

std::optional<PublishedForm> by_name(const std::string& name, const char* source, const Architecture& architecture) {
  const NameRow* row = row_of(name, architecture);
  const WeightSet* set = weight_set_called(name);
  if (set != nullptr && set->network == architecture.name) return form_of(*set, row, name, source);
  return row == nullptr ? std::nullopt : std::optional(form_of(*row, name, source));
}

/// The file's name and, where it may be any model's, those of the folders around it, the nearest first.
std::vector<std::string> telling_names(const fs::path& path) {
  constexpr int kFolders = 3;  // models--OWNER--NAME/snapshots/COMMIT/model.safetensors
  std::error_code ignored;
  fs::path at = fs::absolute(path, ignored);
  std::vector<std::string> names{plain_name(at.filename())};
  for (int i = 0; i < kFolders && is_any_models(names.front()) && at.parent_path().has_relative_path(); ++i) {
    at = at.parent_path();
    names.push_back(plain_name(at.filename()));
  }
  return names;
}

/// By the file's name, or where that says nothing by the folders around it, the nearest first.
std::optional<PublishedForm> by_path(const fs::path& path, const Architecture& architecture) {
  const char* source = "the file's name";
  for (const std::string& name : telling_names(path)) {
    if (auto form = by_name(name, source, architecture)) return form;
    source = "the name of its folder";
  }
  return std::nullopt;
}

std::optional<Rgb> rgb_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array() || found->size() != 3) return std::nullopt;
  Rgb values{};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!(*found)[i].is_number()) return std::nullopt;
    values[i] = (*found)[i].get<double>();
  }
  return values;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

void take_statistics(PublishedForm& form, const json& object) {
  const std::optional<Rgb> mean = rgb_of(object, "mean");
  const std::optional<Rgb> std = rgb_of(object, "std");
  if (mean) form.mean = *mean;
  if (std && std::all_of(std->begin(), std->end(), [](double each) { return each > 0; })) form.std = *std;
}

void take_arithmetic(PublishedForm& form, const std::string& wanted, const Architecture& architecture) {
  for (const auto& [value, name] : names(Arithmetic())) {
    if (name == wanted && knows(architecture, value)) form.arithmetic = value;
  }
}

/// Whether a description is of another network, so lies beside these weights by chance.
bool is_anothers(const std::string& name, const Architecture& architecture) {
  const auto is_it = [&](const Architecture& each) { return each.name == name && each.name != architecture.name; };
  return std::any_of(architectures().begin(), architectures().end(), is_it);
}

/// timm's description of a model. Old ones have the settings of "pretrained_cfg" beside "architecture".
std::optional<PublishedForm> by_description(const json& description, const Architecture& architecture,
                                            const char* source) {
  if (!description.is_object()) return std::nullopt;
  const auto inner = description.find("pretrained_cfg");
  const json& settings = inner != description.end() && inner->is_object() ? *inner : description;
  std::string name = text_of(description, "architecture");
  if (name.empty()) name = text_of(settings, "architecture");
  if (name.empty() || is_anothers(name, architecture)) return std::nullopt;
  if (const std::string tag = text_of(settings, "tag"); !tag.empty()) name += "." + tag;
  PublishedForm form{.name = name, .source = source, .mean = architecture.mean, .std = architecture.std};
  if (auto known = by_name(core::lower_case(name), source, architecture)) form = *known;
  form.name = name;
  take_statistics(form, settings);
  take_arithmetic(form, text_of(description, kArithmeticKey), architecture);
  return form;
}

/// Of a bundle: what its own network and images are.
std::optional<PublishedForm> by_bundle(const Metadata& metadata, const Architecture& architecture) {
  const auto found = metadata.find("margay");
  if (found == metadata.end()) return std::nullopt;
  const json header = core::parsed_json(found->second);
  if (!header.is_object() || !header.contains("classifier")) return std::nullopt;
  PublishedForm form{.name = "a model of Margay's", .source = "its description"};
  const json classifier = header.value("classifier", json::object());
  const json transforms = header.value("transforms", json::object());
  if (classifier.is_object()) take_arithmetic(form, text_of(classifier, kArithmeticKey), architecture);
  if (transforms.is_object() && transforms.contains("normalization") && transforms["normalization"].is_object()) {
    take_statistics(form, transforms["normalization"]);
  }
  return form;
}

std::optional<PublishedForm> by_metadata(const Metadata& metadata, const Architecture& architecture) {
  json description = json::object();
  for (const auto& [key, value] : metadata) {
    const json parsed = core::parsed_json(value);
    description[key] = parsed.is_object() ? parsed : json(value);
  }
  return by_description(description, architecture, "its metadata");
}

/// A file beside the weights; other programs' are ignored, whatever they hold.
json neighbour(const fs::path& path, const char* name) {
  constexpr std::uintmax_t kMaxBytes = 1'000'000;
  std::error_code unknown;
  const fs::path beside = fs::absolute(path, unknown).parent_path() / name;
  const std::uintmax_t bytes = fs::file_size(beside, unknown);
  if (unknown || bytes > kMaxBytes) return nullptr;
  std::ifstream file(beside);
  return core::parsed_json(file);
}

bool has_tensor(const TensorMap& tensors, const std::string& ending) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const auto& each) { return each.first == ending || each.first.ends_with("." + ending); });
}

/// Whether batch norms have counted no batch, as where another framework trained them; false without counters.
bool has_counted_nothing(const TensorMap& tensors) {
  bool has_counters = false;
  for (const auto& [name, tensor] : tensors) {
    if (!is_counter(name) || tensor.numel() != 1) continue;
    has_counters = true;
    if (tensor.item<double>() != 0) return false;
  }
  return has_counters;
}

/// What only one publisher's tensors are called.
PublishedForm by_tensors(const TensorMap& tensors, const Architecture& architecture) {
  PublishedForm form{.mean = architecture.mean, .std = architecture.std};
  const bool is_timms = has_tensor(tensors, "conv_stem.weight");
  if (is_timms && knows(architecture, Arithmetic::kTimm)) {
    form.arithmetic = Arithmetic::kTimm;
    form.source = "the names of its tensors";
    form.name = "timm's";
  }
  if (is_timms && knows(architecture, Arithmetic::kTensorFlow) && has_counted_nothing(tensors)) {
    form.warnings.push_back(
        "these weights may be timm's tf_… ones, which have the same names and shapes: their batch norms have counted "
        "no "
        "batch, as those that came from TensorFlow. Then give `arithmetic` tensorflow; if not, `arithmetic` usual");
  }
  if (has_tensor(tensors, "fc_norm.weight") && knows(architecture, Arithmetic::kMeanPooled)) {
    form.arithmetic = Arithmetic::kMeanPooled;
    form.source = "the names of its tensors";
    form.name = "mean-pooled";
  }
  return form;
}

}  // namespace

bool PublishedForm::is_usual(const Architecture& architecture) const {
  return arithmetic == Arithmetic::kUsual && mean == architecture.mean && std == architecture.std;
}

PublishedForm recognise_form(const fs::path& path, const WeightsFile& file, const Architecture& architecture) {
  PublishedForm from_tensors = by_tensors(file.tensors, architecture);
  std::optional<PublishedForm> found = by_bundle(file.metadata, architecture);
  if (!found) found = by_metadata(file.metadata, architecture);
  if (!found) found = by_description(neighbour(path, "config.json"), architecture, "config.json beside it");
  if (!found) found = by_path(path, architecture);
  if (architecture.weight_set != nullptr && (!found || found->name == architecture.name)) {
    found = by_name(core::lower_case(architecture.weight_set->name), "`arch`", architecture);
  }
  if (!found) return from_tensors;
  // A name that says less than the tensors: vit_base_patch16_224, of which there are mean-pooled ones.
  if (found->arithmetic == Arithmetic::kUsual && from_tensors.arithmetic != Arithmetic::kUsual &&
      !file.metadata.contains("margay")) {
    found->arithmetic = from_tensors.arithmetic;
  }
  // The name under which weights are kept in a cache is the network's, whoever published them.
  if (core::lower_case(found->name) == architecture.name) found->warnings = from_tensors.warnings;
  return *found;
}

const WeightSet* weight_set_of_path(const fs::path& path) {
  for (const std::string& name : telling_names(path)) {
    if (const WeightSet* set = weight_set_called(name)) return set;
  }
  return nullptr;
}

namespace {

[[noreturn]] void refuse_weights(const fs::path& path, const std::string& they_are, const std::string& source,
                                 const WeightSet& wanted) {
  throw core::DataError(path,
                        fmt::format("holds {} by {}, not {}; name them in `arch`, or leave the weights out of its name",
                                    core::one_line(they_are), source, wanted.name));
}

}  // namespace

void check_weight_set(const fs::path& path, const PublishedForm& form, const Architecture& architecture) {
  if (architecture.weight_set == nullptr) return;
  const WeightSet& wanted = *architecture.weight_set;
  if (form.weight_set != nullptr && form.weight_set != &wanted) {
    refuse_weights(path, form.weight_set->name, form.source, wanted);
  }
  const bool is_told = form.weight_set != nullptr && form.source != "`arch`";
  if (is_told || !fs::is_regular_file(path) || is_index_of_weights(path)) return;
  if (form.weight_set == nullptr && form.name.starts_with(architecture.name + ".")) {
    refuse_weights(path, form.name, form.source, wanted);
  }
  const WeightSet* by_hash = weight_set_with_hash(core::sha256_of_file(path));
  if (by_hash != nullptr && by_hash != &wanted) refuse_weights(path, by_hash->name, "their SHA-256", wanted);
}

Metadata form_metadata(const PublishedForm& form) {
  const json settings = {{"mean", form.mean}, {"std", form.std}};
  return {{"architecture", form.name},
          {"pretrained_cfg", settings.dump()},
          {kArithmeticKey, core::to_text(form.arithmetic)}};
}

PublishedForm with_arithmetic(PublishedForm form, std::optional<Arithmetic> given, const Architecture& architecture) {
  if (!given) return form;
  check_arithmetic(architecture, *given);
  if (*given == form.arithmetic && !form.source.empty()) return form;
  form.warnings.clear();  // they ask for what is given
  if (!form.source.empty()) {
    form.warnings.push_back(fmt::format("`arithmetic` {} overrules {}, which {} tells", core::to_text(*given),
                                        core::to_text(form.arithmetic), form.source));
  }
  form.arithmetic = *given;
  form.source = "`arithmetic`";
  if (*given != Arithmetic::kCaffe) return form;
  form.mean = kCaffeStatistics.mean;
  form.std = kCaffeStatistics.std;
  return form;
}

std::string form_text(const PublishedForm& form) {
  const std::string name = form.name.empty() ? "weights of an unknown publisher" : core::one_line(form.name);
  const std::string source = form.source.empty() ? "" : fmt::format(" (by {})", form.source);
  return fmt::format("{}{}: arithmetic {}, mean {:.4g}, std {:.4g}", name, source, core::to_text(form.arithmetic),
                     fmt::join(form.mean, ","), fmt::join(form.std, ","));
}

}  // namespace margay::model
