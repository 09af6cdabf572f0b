#include "margay/bundle/bundle.h"

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/model/torch_errors.h"
#include "margay/model/weights/safetensors.h"

namespace margay::bundle {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kKey = "margay";
constexpr int kFormatVersion = 2;

/// Format 2 brought the task. Without it a program would predict by softmax, so only multi-label models need format 2.
int format_for(data::Task task) { return task == data::Task::kSingleLabel ? 1 : 2; }

Json header_of(const Bundle& bundle) {
  return {{"format_version", format_for(bundle.task)},      {"classifier", core::to_json(bundle.classifier->options())},
          {"vocabulary", bundle.vocabulary.names()},        {"task", core::to_text(bundle.task)},
          {"transforms", core::to_json(bundle.transforms)}, {"provenance", bundle.provenance}};
}

Json parse_header(const model::Metadata& metadata, const fs::path& path) {
  const auto found = metadata.find(kKey);
  if (found == metadata.end()) {
    throw core::FormatError(path,
                            "a safetensors file, but not a Margay model; `save_bundle` writes those, and "
                            "`weights` takes files like this one");
  }
  Json header = Json::parse(found->second, nullptr, false);
  if (!header.is_object() || !header.contains("format_version")) {
    throw core::FormatError(path, "its description is not JSON with a format_version; the file is damaged");
  }
  const int version = header["format_version"].is_number_integer() ? header["format_version"].get<int>() : -1;
  if (version < 1 || version > kFormatVersion) {
    throw core::FormatError(path, fmt::format("written in format {}; this program reads up to {}: update Margay",
                                              header["format_version"].dump(), kFormatVersion));
  }
  return header;
}

/// Everything but the weights. Throws whatever JSON and options throw; the caller names the file.
Bundle from_header(const Json& header) {
  Bundle bundle;
  model::ClassifierOptions options;
  core::from_json(header.at("classifier"), options);
  core::validate(options);
  core::from_json(header.at("transforms"), bundle.transforms);
  core::validate(bundle.transforms);
  bundle.vocabulary = data::Vocabulary(header.at("vocabulary").get<std::vector<std::string>>());
  if (bundle.vocabulary.size() != options.num_classes) {
    throw std::invalid_argument(
        fmt::format("{} class names for {} classes", bundle.vocabulary.size(), options.num_classes));
  }
  bundle.task = core::from_text<data::Task>(header.value("task", core::to_text(data::Task::kSingleLabel)));
  bundle.provenance = header.value("provenance", Json::object());
  bundle.classifier = model::make_classifier(options);
  return bundle;
}

}  // namespace

void save_bundle(const fs::path& path, const Bundle& bundle) {
  if (bundle.classifier == nullptr) throw std::invalid_argument("[save_bundle] the classifier is null");
  model::write_safetensors(path, bundle.classifier->state(), {{kKey, header_of(bundle).dump()}});
}

Bundle load_bundle(const fs::path& path) {
  const model::SafetensorsFile file = model::read_safetensors(path);
  const Json header = parse_header(file.metadata, path);
  Bundle bundle;
  try {
    bundle = model::with_own_errors(model::kFreeMemory, [&] { return from_header(header); });
  } catch (const core::OutOfMemoryError&) {
    throw;
  } catch (const std::exception& error) {  // of JSON or of options: either way the file's fault
    throw core::FormatError(path, fmt::format("its description cannot be used: {}", error.what()));
  }
  bundle.classifier->load_state(file.tensors, path);
  bundle.classifier->eval();
  return bundle;
}

}  // namespace margay::bundle
