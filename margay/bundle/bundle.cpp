#include "margay/bundle/bundle.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/data/source/folder_walk.h"
#include "margay/model/torch_errors.h"
#include "margay/model/weights/safetensors.h"
#include "margay/model/weights/weights_file.h"

namespace margay::bundle {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kKey = "margay";
constexpr const char* kSalt = "known_images_salt";
constexpr const char* kCalibration = "calibration";
constexpr const char* kUnknown = "unknown";
constexpr const char* kTrainingInputs = "training_inputs";
constexpr const char* kGolden = "golden_images";
constexpr int kFormatVersion = 4;

/// Format 2 brought the task: without it a program would predict by softmax, so only multi-label models need it. Format
/// 3 brought the known images, whose tensors earlier programs would take for weights. Format 4 brought the calibration:
/// earlier programs would tell other probabilities, unless the temperature is 1; and the detector of unknown images,
/// which has tensors.
int format_for(const Bundle& bundle) {
  if (bundle.calibration.temperature != 1 || bundle.unknown) return 4;
  if (!bundle.known_images.empty()) return 3;
  return bundle.task == data::Task::kSingleLabel ? 1 : 2;
}

Json header_of(const Bundle& bundle) {
  Json header = {
      {"format_version", format_for(bundle)},           {"classifier", core::to_json(bundle.classifier->options())},
      {"vocabulary", bundle.vocabulary.names()},        {"task", core::to_text(bundle.task)},
      {"transforms", core::to_json(bundle.transforms)}, {"provenance", bundle.provenance}};
  const bool is_calibrated = bundle.calibration.is_fitted() || bundle.calibration.temperature != 1;
  if (is_calibrated) header[kCalibration] = core::to_json(bundle.calibration);
  if (!bundle.known_images.empty()) header[kSalt] = bundle.known_images.salt;
  if (bundle.unknown) header[kUnknown] = bundle.unknown->header();
  if (bundle.training_inputs) header[kTrainingInputs] = bundle.training_inputs->to_json();
  const std::optional<GoldenImages> golden = measure_golden_images(*bundle.classifier, bundle.transforms);
  if (golden) header[kGolden] = golden->to_json();
  return header;
}

/// The sets of digests and the names of their tensors.
template <class Known, class Visit>
void for_each_digest_set(Known& known, Visit&& visit) {
  const auto name = [](const char* set) { return std::string(model::kNoWeights) + set; };
  visit(name("train_names"), known.train_names);
  visit(name("valid_names"), known.valid_names);
  visit(name("train_contents"), known.train_contents);
  visit(name("valid_contents"), known.valid_contents);
}

model::TensorMap tensors_of(const Bundle& bundle) {
  model::TensorMap tensors = bundle.classifier->state();
  if (bundle.unknown) tensors.merge(bundle.unknown->tensors());
  if (bundle.known_images.empty()) return tensors;
  for_each_digest_set(bundle.known_images, [&](const std::string& name, const data::DigestSet& set) {
    torch::Tensor bytes = torch::empty({static_cast<std::int64_t>(set.size()), set.width()}, torch::kByte);
    std::copy(set.bytes().begin(), set.bytes().end(), bytes.data_ptr<std::uint8_t>());
    tensors.emplace(name, bytes);
  });
  return tensors;
}

data::DigestSet digests_of(const torch::Tensor& bytes) {
  if (bytes.dim() != 2 || bytes.scalar_type() != torch::kByte)
    throw std::invalid_argument("digests are uint8 [N,width]");
  const auto* first = bytes.data_ptr<std::uint8_t>();
  return {{first, first + bytes.numel()}, static_cast<int>(bytes.size(1))};
}

/// Takes the digests out of the tensors, so that the weights remain.
data::KnownImages take_known_images(const Json& header, model::TensorMap& tensors) {
  data::KnownImages known;
  if (!header.contains(kSalt)) return known;
  known.salt = header.at(kSalt).get<std::uint64_t>();
  for_each_digest_set(known, [&](const std::string& name, data::DigestSet& set) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw std::invalid_argument("there is no tensor " + name);
    set = digests_of(found->second);
    tensors.erase(found);
  });
  return known;
}

/// Takes the detector's tensors out, too.
std::optional<predict::UnknownDetector> take_unknown(const Json& header, model::TensorMap& tensors,
                                                     const model::Classifier& classifier) {
  if (!header.contains(kUnknown)) return std::nullopt;
  return predict::UnknownDetector::from_bundle(header.at(kUnknown), tensors, classifier.num_classes(),
                                               classifier.backbone().features());
}

Json parse_header(const model::Metadata& metadata, const fs::path& path) {
  const auto found = metadata.find(kKey);
  if (found == metadata.end()) {
    throw core::FormatError(path,
                            "a safetensors file, but not a Margay model; `save_bundle` writes those, and "
                            "`weights` takes files like this one");
  }
  Json header = core::parsed_json(found->second);
  if (!header.is_object() || !header.contains("format_version")) {
    throw core::FormatError(path,
                            "its description is not JSON with a format_version; the file is damaged: copy it "
                            "again, or train again");
  }
  const Json& written = header["format_version"];
  const std::int64_t version = written.is_number_integer() ? written.get<std::int64_t>() : -1;
  if (version < 1 || version > kFormatVersion) {
    throw core::FormatError(path, fmt::format("written in format {}; this program reads up to {}: update Margay",
                                              written.dump(), kFormatVersion));
  }
  return header;
}

predict::Calibration calibration_of(const Json& header) {
  predict::Calibration calibration;
  if (!header.contains(kCalibration)) return calibration;
  core::from_json(header.at(kCalibration), calibration);
  core::validate(calibration);
  return calibration;
}

/// Everything but the weights. Throws whatever JSON and options throw; the caller names the file.
Bundle from_header(const Json& header) {
  Bundle bundle;
  model::ClassifierOptions options;
  core::from_json(header.at("classifier"), options);
  core::validate(options);
  core::from_json(header.at("transforms"), bundle.transforms);
  core::validate(bundle.transforms);
  data::check_transforms(bundle.transforms);
  bundle.vocabulary = data::Vocabulary(header.at("vocabulary").get<std::vector<std::string>>());
  if (bundle.vocabulary.size() != options.num_classes) {
    throw std::invalid_argument(
        fmt::format("{} class names for {} classes", bundle.vocabulary.size(), options.num_classes));
  }
  bundle.task = core::from_text<data::Task>(header.value("task", core::to_text(data::Task::kSingleLabel)));
  bundle.provenance = header.value("provenance", Json::object());
  bundle.calibration = calibration_of(header);
  if (header.contains(kTrainingInputs))
    bundle.training_inputs = predict::TrainingInputs::from_json(header.at(kTrainingInputs));
  if (header.contains(kGolden)) bundle.golden = GoldenImages::from_json(header.at(kGolden), options.num_classes);
  bundle.classifier = model::make_empty_classifier(options);
  return bundle;
}

}  // namespace

void save_bundle(const fs::path& path, const Bundle& bundle) {
  if (bundle.classifier == nullptr) throw std::invalid_argument("[save_bundle] the classifier is null");
  core::validate(bundle.calibration);
  model::write_safetensors(path, tensors_of(bundle), {{kKey, header_of(bundle).dump()}});
}

namespace {

/// People misspell a file, or name the folder of a run.
void check_is_file(const fs::path& path) {
  std::error_code none;
  const fs::file_status status = fs::status(path, none);
  if (status.type() == fs::file_type::not_found) {
    throw core::DataError(path, "there is no such file" + data::how_far_it_exists(path));
  }
  if (!fs::is_directory(status)) return;
  const fs::path inside = path / "model.margay";
  throw core::DataError(path, fs::exists(inside, none)
                                  ? fmt::format("is a folder; its model is {}", core::shown_path(inside))
                                  : std::string("is a folder; a model is a file, such as a run's model.margay"));
}

/// A file that is torn is no safetensors file any more.
model::SafetensorsFile read_model_file(const fs::path& path) {
  check_is_file(path);
  try {
    return model::read_safetensors(path);
  } catch (const core::FormatError& error) {
    throw core::FormatError(path, error.problem() +
                                      "; a model that was cut short or changed must be copied again, or "
                                      "made again by a training");
  }
}

/// The file's weights may have changed since it was saved, in place or on its way: nothing else of it would tell. One
/// image does, as every weight is used for each.
void compare_golden_images(const Bundle& bundle, const fs::path& path) {
  if (!bundle.golden || bundle.classifier->options().in_channels != 3) return;
  const GoldenImages first{.seed = bundle.golden->seed, .logits = {bundle.golden->logits.front()}};
  const torch::Tensor logits = model::with_own_errors(
      model::kFreeMemory, [&] { return golden_logits(first, *bundle.classifier, bundle.transforms); });
  const std::string problem = golden_problem(golden_difference(first, logits), model::Precision::kFp32);
  if (!problem.empty()) throw core::FormatError(path, problem);
}

}  // namespace

Bundle load_bundle(const fs::path& path, GoldenCheck check) {
  model::SafetensorsFile file = read_model_file(path);
  const Json header = parse_header(file.metadata, path);
  Bundle bundle;
  try {
    bundle = model::with_own_errors(model::kFreeMemory, [&] { return from_header(header); });
    bundle.known_images = take_known_images(header, file.tensors);
    bundle.unknown = take_unknown(header, file.tensors, *bundle.classifier);
  } catch (const core::OutOfMemoryError&) {
    throw;
  } catch (const std::exception& error) {  // of JSON or of options: either way the file's fault
    throw core::FormatError(path, fmt::format("its description cannot be used: {}; the file was changed or is "
                                              "damaged: copy it again, or train again",
                                              error.what()));
  }
  bundle.classifier->load_state(file.tensors, path);
  bundle.classifier->eval();
  if (check == GoldenCheck::kCompare) compare_golden_images(bundle, path);
  return bundle;
}

}  // namespace margay::bundle
