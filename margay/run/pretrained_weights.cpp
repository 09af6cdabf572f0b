#include "margay/run/pretrained_weights.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/fetch/fetched_file.h"
#include "margay/fetch/transfer.h"
#include "margay/model/weights/naming.h"
#include "margay/model/weights/pretrained.h"
#include "margay/model/weights/published.h"
#include "margay/model/weights/safetensors.h"
#include "margay/model/weights/weights_file.h"

namespace margay::run {
namespace {

using fetch::KnownFile;

/// "timm/resnet18.tv_in1k" or "vgg16-397923af.pth": what the caches call the weights of the table. "" if it has none.
std::string name_in_caches(const std::string& url) {
  constexpr std::string_view kHub = "https://huggingface.co/";
  if (url.empty()) return "";
  if (!url.starts_with(kHub)) return fetch::parse_url(url).file;
  return url.substr(kHub.size(), url.find("/resolve/") - kHub.size());
}

/// "tf_efficientnet_b0" of timm's efficientnet_b0 that came from TensorFlow.
std::string name_on_hub(const model::Architecture& architecture) {
  const std::string name = architecture.full_name();
  return architecture.weight_set == nullptr ? name : name.substr(0, name.find('.'));
}

std::vector<KnownFile> known_files(const model::Architecture& architecture, const fetch::KnownPlaces& places) {
  std::vector<KnownFile> files = fetch::in_hugging_face_cache(places, "timm", name_on_hub(architecture));
  for (KnownFile& each : fetch::in_torch_hub(places, architecture.name)) files.push_back(std::move(each));
  const std::string file = name_in_caches(architecture.weights_url);
  const std::string stem = file.substr(0, file.rfind('-'));
  if (stem == architecture.name || file.find('/') != std::string::npos) return files;
  for (KnownFile& each : fetch::in_torch_hub(places, stem)) files.push_back(std::move(each));
  return files;
}

bool are_of(const std::filesystem::path& file, const model::Architecture& architecture) {
  const auto recognised = model::recognise(model::read_weights(file).tensors);
  return recognised && recognised->architecture == &architecture;
}

/// One search.
class Search {
 public:
  Search(const model::Architecture& architecture, const fetch::KnownPlaces& places)
      : architecture_(architecture), places_(places) {}

  WeightsSearch run() {
    if (take_own()) return result_;
    const std::vector<KnownFile> files = known_files(architecture_, places_);
    const std::string wanted = name_in_caches(architecture_.weights_url);
    std::vector<KnownFile> others;
    for (const KnownFile& each : files) {
      if (each.name != wanted) {
        others.push_back(each);
      } else if (take(each)) {
        return result_;
      }
    }
    architecture_.weight_set == nullptr ? take_only(others) : leave_out_others(others);
    return result_;
  }

 private:
  void leave_out(const std::filesystem::path& file, const std::string& why) {
    result_.warnings.push_back(fmt::format("{} is left out: {}", core::shown_path(file), why));
  }

  bool take_own() {
    if (places_.cache.empty()) return false;
    const std::filesystem::path file = model::look_up_weights(places_.cache / "weights", architecture_);
    if (file.empty()) return false;
    const auto record = fetch::read_record(file);
    const bool is_fetched = record && record->url == architecture_.weights_url;  // else anybody may have put it there
    return take({.path = file,
                 .name = is_fetched ? architecture_.weights_name : file.filename().string(),
                 .place = "Margay's cache",
                 .sha256 = record ? record->sha256 : ""});
  }

  /// Unless its bytes are others than its place says.
  bool take(const KnownFile& file) {
    try {
      const bool is_folder = std::filesystem::is_directory(file.path);
      const std::string sha256 = is_folder ? "" : core::sha256_of_file(file.path);
      if (!is_folder && !sha256.starts_with(file.sha256)) {
        leave_out(file.path, fmt::format("its SHA-256 is {}, not {}", sha256, file.sha256));
        return false;
      }
      result_.found = WeightsAtHand{file.path, file.name, file.place, sha256};
      return true;
    } catch (const core::Error& error) {
      leave_out(file.path, error.what());
      return false;
    }
  }

  /// Where weights were named, others are not guessed to do as well.
  void leave_out_others(const std::vector<KnownFile>& others) {
    for (const KnownFile& each : others) {
      leave_out(each.path, fmt::format("it holds {}, not {}", each.name, architecture_.full_name()));
    }
  }

  void take_only(const std::vector<KnownFile>& others) {
    if (others.size() > 1) {
      std::string names;
      for (const KnownFile& each : others) names += (names.empty() ? "" : ", ") + core::shown_path(each.path);
      result_.warnings.push_back(
          fmt::format("there are several weights of {}, none of which is preferred; choose with `weights`: {}",
                      architecture_.name, names));
    }
    if (others.size() != 1) return;
    try {
      if (are_of(others.front().path, architecture_)) {
        take(others.front());
      } else {
        leave_out(others.front().path, "its tensors are not those of " + architecture_.name);
      }
    } catch (const core::Error& error) {
      leave_out(others.front().path, error.what());
    }
  }

  const model::Architecture& architecture_;
  const fetch::KnownPlaces& places_;
  WeightsSearch result_;
};

}  // namespace

WeightsSearch find_weights_at_hand(const model::Architecture& architecture, const fetch::KnownPlaces& places) {
  return Search(architecture, places).run();
}

void WeightsSearch::fill_in(std::filesystem::path& weights, std::string& sha256) const {
  weights = found ? std::filesystem::absolute(found->file) : std::filesystem::path();
  if (found && sha256.empty()) sha256 = found->sha256;
}

namespace {

using PretrainedJson = nlohmann::ordered_json;

const model::WeightSet* weight_set_behind(const std::string& arch, const std::filesystem::path& weights) {
  if (const model::WeightSet* named = model::find_architecture(arch).weight_set) return named;
  const auto record = fetch::read_record(weights);
  if (!record) return model::weight_set_of_path(weights);
  const auto& sets = model::weight_sets();
  const auto found =
      std::find_if(sets.begin(), sets.end(), [&](const model::WeightSet& each) { return each.url == record->url; });
  return found == sets.end() ? nullptr : &*found;
}

/// What another model of Margay's began from; null for files of others, and for what cannot be read any more.
PretrainedJson record_of_bundle(const std::filesystem::path& weights) {
  if (weights.extension() != ".margay") return nullptr;
  try {
    const model::Metadata metadata = model::read_safetensors_metadata(weights);
    const auto header = metadata.find("margay");
    if (header == metadata.end()) return nullptr;
    return core::parsed_json(header->second).at("provenance").value("pretrained", PretrainedJson());
  } catch (const core::Error&) {
    return nullptr;
  } catch (const PretrainedJson::exception&) {
    return nullptr;
  }
}

}  // namespace

PretrainedJson pretrained_record(const std::string& arch, const std::filesystem::path& weights) {
  if (weights.empty()) return nullptr;
  if (PretrainedJson inherited = record_of_bundle(weights); !inherited.is_null()) return inherited;
  const model::WeightSet* set = weight_set_behind(arch, weights);
  if (set == nullptr) return nullptr;
  return {{"weights", set->name},
          {"publisher", set->publisher},
          {"licence", set->licence.empty() ? PretrainedJson(nullptr) : PretrainedJson(set->licence)}};
}

namespace {

std::filesystem::path record_in(const std::filesystem::path& run) { return run / "pretrained.json"; }

}  // namespace

void keep_pretrained_record(const std::filesystem::path& run, const std::string& arch,
                            const std::filesystem::path& weights) {
  const PretrainedJson record = pretrained_record(arch, weights);
  if (!record.is_null()) core::write_file_atomically(record_in(run), record.dump(2) + "\n");
}

PretrainedJson kept_pretrained_record(const std::filesystem::path& run, const std::string& arch,
                                      const std::filesystem::path& weights) {
  const std::filesystem::path file = record_in(run);
  if (!std::filesystem::exists(file)) return pretrained_record(arch, weights);
  std::ifstream in(file);
  PretrainedJson record = core::parsed_json(in);
  if (!record.is_object()) throw core::FormatError(file, "holds no JSON object");
  return record;
}

std::string weights_text(const WeightsAtHand& weights) {
  constexpr std::size_t kShownDigits = 12;
  const std::string hash =
      weights.sha256.empty() ? "" : fmt::format(", SHA-256 {}…", weights.sha256.substr(0, kShownDigits));
  return fmt::format("{} from {}: {}{}", weights.name, weights.place, core::shown_path(weights.file), hash);
}

}  // namespace margay::run
