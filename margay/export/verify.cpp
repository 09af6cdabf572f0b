#include "margay/export/verify.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <exception>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <torch/utils.h>
#include <torch/version.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/stopwatch.h"
#include "margay/core/text.h"
#include "margay/core/utc_time.h"
#include "margay/data/image/decode_jpeg.h"
#include "margay/export/export_bundle.h"
#include "margay/export/model_input.h"
#include "margay/export/onnx_names.h"

namespace margay::exporting {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kImagesAtOnce = 16;
constexpr std::size_t kBytesAtOnce = std::size_t{64} << 20;

/// Throws core::FormatError for other inputs and outputs than Margay's.
OnnxInput input_kind(const OnnxFile& file) {
  const OnnxModel& model = file.model;
  const auto gives = [&](const char* name) {
    return std::any_of(model.outputs.begin(), model.outputs.end(),
                       [&](const auto& value) { return value.name == name; });
  };
  const std::string input = model.inputs.size() == 1 ? model.inputs.front().name : "";
  if ((input != kPixelsInput && input != kTensorInput) || !gives(kLogitsOutput) || !gives(kProbabilitiesOutput)) {
    throw core::FormatError(file.path, fmt::format("its inputs and outputs are not those of `export_bundle`: {} or {} "
                                                   "in, {} and {} out",
                                                   kPixelsInput, kTensorInput, kLogitsOutput, kProbabilitiesOutput));
  }
  return input == kPixelsInput ? OnnxInput::kPixels : OnnxInput::kTensor;
}

/// The classes in the order of the outputs. Throws core::FormatError.
std::vector<std::string> classes_of(const OnnxFile& file) {
  try {
    return nlohmann::json::parse(file.metadata(kClassesKey).value_or("")).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    throw core::FormatError(file.path, fmt::format("its metadata {} is no list of classes", kClassesKey));
  }
}

/// Of the network's parameters and buffers, sorted.
std::vector<std::string> names_of_state(const torch::nn::Module& network) {
  std::vector<std::string> names;
  for (const auto& each : network.named_parameters()) names.push_back(each.key());
  for (const auto& each : network.named_buffers()) names.push_back(each.key());
  std::sort(names.begin(), names.end());
  return names;
}

/// The largest step of p_known, 1 / (1 + n) of the fewest images n that it counts among.
double step_of_p_known(const predict::UnknownDetector& detector) {
  std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
  if (detector.guarantee() == predict::RefusalGuarantee::kLeftOut)
    fewest = detector.scorer().known.value().rows.size(0);
  for (const predict::KnownScores& scores : detector.calibration()) {
    if (scores.size() > 0) fewest = std::min(fewest, scores.size());
  }
  return 1 / (1 + static_cast<double>(fewest));
}

/// An image and what Margay says of it.
struct VerifiedImage {
  std::string name;
  std::vector<RuntimeTensor> inputs;  ///< of the ONNX file
  ImageOutputs margay;
  std::optional<ImageOutputs> scaled;  ///< of the image as Margay reads it, where that is not the whole one
  std::optional<std::vector<std::int64_t>> right;
};

std::vector<float> row_of(const torch::Tensor& values) {
  const torch::Tensor row = values[0].to(torch::kFloat32).contiguous();
  return {row.data_ptr<float>(), row.data_ptr<float>() + row.numel()};
}

ImageOutputs outputs_of(const predict::Predictions& predictions) {
  ImageOutputs outputs{.logits = row_of(predictions.logits), .probabilities = row_of(predictions.probabilities)};
  if (predictions.p_known.defined()) outputs.p_known = static_cast<float>(predictions.p_known[0].item<double>());
  return outputs;
}

std::vector<float> floats_of_output(const RuntimeOutputs& outputs, const char* name, std::size_t count) {
  const RuntimeTensor& tensor = outputs.at(name);
  if (tensor.type == ElementType::kFloat32 && tensor.bytes.size() == count * sizeof(float)) return tensor.floats();
  throw RuntimeFailure(fmt::format("{} gives {} [{}] as output '{}', where {} floats belong", outputs.runtime,
                                   safetensors_name(tensor.type), core::joined(tensor.shape, ","), name, count));
}

/// A runtime and how it does. Without a process once it has failed.
struct JudgedRuntime {
  std::unique_ptr<Runtime> runtime;
  RuntimeComparison comparison;
  RuntimeVerdict told;  ///< name, version, problem
};

class Verifier {
 public:
  explicit Verifier(const Verification& verification)
      : given_(verification),
        options_(verification.options),
        file_(verification.onnx),
        pipeline_(verification.pipeline),
        whole_(pipeline_.transforms(), pipeline_.read_options().max_pixels, data::Decoding::kFull),
        scaled_(comparison()) {
    certificate_.input = input_kind(file_);
    describe_files();
    check_hashes();
    check_classes();
    if (!certificate_.is_quantised) check_weights();
    choose_images();
    start_runtimes();
  }

  Certificate run() {
    std::size_t done = 0;
    while (done < rows_.size()) {
      const std::vector<VerifiedImage> images = next_images(done);
      for (JudgedRuntime& each : runtimes_) judge(each, images);
      for (const VerifiedImage& image : images) {
        if (image.scaled) scaled_.add(image.name, image.margay, *image.scaled, 0, image.right);
      }
      certificate_.images += static_cast<std::int64_t>(images.size());
    }
    if (certificate_.images == 0) {
      throw core::DataError(given_.folder, "no image can be read; the first problem: " + certificate_.skipped.front());
    }
    certificate_.images_sha256 = list_hash();
    certificate_.margay_speed = speed_of(margay_seconds_);
    if (scaled_.images() > 0) certificate_.scaled_decoding = scaled_.verdict();
    for (const JudgedRuntime& each : runtimes_) certificate_.runtimes.push_back(verdict_of(each));
    return std::move(certificate_);
  }

 private:
  bool begins_at_pixels() const { return certificate_.input == OnnxInput::kPixels; }
  bool is_multi_label() const { return given_.bundle.task == data::Task::kMultiLabel; }

  void describe_files() {
    certificate_.onnx = {file_.path, file_.sha256, file_.bytes};
    for (const OnnxDataFile& each : file_.data) certificate_.onnx_data.push_back({each.path, each.sha256, each.bytes});
    certificate_.model = {given_.model, core::sha256_of_file(given_.model), fs::file_size(given_.model)};
    certificate_.producer = core::one_line(file_.model.producer + " " + file_.model.producer_version);
    certificate_.opset = file_.model.opset;
    certificate_.is_quantised = is_quantised(file_.model);
    certificate_.classes = given_.bundle.vocabulary.names();
    certificate_.folder = given_.folder;
    certificate_.bounds = bounds();
    certificate_.hashes_ignored = options_.ignore_hashes;
    certificate_.margay_version = MARGAY_VERSION;
    certificate_.computed_with = fmt::format("LibTorch {}, {} threads", TORCH_VERSION, torch::get_num_threads());
    certificate_.time = core::utc_text(std::time(nullptr));
  }

  /// An image that the detector was calibrated with ties with itself, and then the last bit decides about one step.
  CertificateBounds bounds() const {
    CertificateBounds bounds = options_.bounds;
    if (given_.bundle.unknown) {
      constexpr double kRounding = 1.001;
      const double step = kRounding * step_of_p_known(*given_.bundle.unknown);
      bounds.max_known_difference = std::max(bounds.max_known_difference, step);
    }
    return bounds;
  }

  void check_hashes() {
    if (!file_.seal) {
      certificate_.hash_breaches.push_back(
          "the ONNX file holds no hash of itself, so nobody can say whether it is whole");
    } else if (*file_.seal != file_.sealed_sha256) {
      certificate_.hash_breaches.push_back(
          fmt::format("the ONNX file is not as it was written: its hash is {}, it says {}", file_.sealed_sha256,
                      core::spelled_out(core::fitted(*file_.seal, 64))));
    }
    const std::string source = file_.metadata(kSourceKey).value_or("");
    if (source != certificate_.model.sha256) {
      certificate_.hash_breaches.push_back(fmt::format(
          "the ONNX file was made from another model file: from {}, and this one is {}; export it again",
          source.empty() ? "none" : core::spelled_out(core::fitted(source, 64)), certificate_.model.sha256));
    }
  }

  void check_classes() {
    const std::vector<std::string> classes = classes_of(file_);
    if (classes == certificate_.classes) return;
    if (std::is_permutation(classes.begin(), classes.end(), certificate_.classes.begin(), certificate_.classes.end())) {
      certificate_.breaches.emplace_back("the classes of the ONNX file stand in another order than the model's");
    } else {
      certificate_.breaches.push_back(fmt::format("the ONNX file has other classes than the model ({} and {})",
                                                  classes.size(), certificate_.classes.size()));
    }
  }

  /// One by one: what a small weight changes may be less than the bounds of what the file computes.
  void check_weights() {
    const std::vector<std::string> names = names_of_state(*given_.bundle.classifier);
    const OnnxModel expected = onnx_of(given_.bundle, {.input = OnnxInput::kTensor});
    for (const OnnxTensor& weight : expected.tensors) {
      if (!std::binary_search(names.begin(), names.end(), weight.name)) continue;
      const auto found = std::find_if(file_.model.tensors.begin(), file_.model.tensors.end(),
                                      [&](const OnnxTensor& each) { return each.name == weight.name; });
      if (found == file_.model.tensors.end() || found->type != weight.type || found->shape != weight.shape) {
        certificate_.breaches.push_back(
            fmt::format("the ONNX file has no weight {} of the model's shape", core::spelled_out(weight.name)));
      } else if (found->elements() != weight.elements()) {
        certificate_.breaches.push_back(fmt::format("the weight {} of the ONNX file has other numbers than the model's",
                                                    core::spelled_out(weight.name)));
      }
    }
  }

  void choose_images() {
    if (given_.images == nullptr || given_.images->size() == 0) {
      throw core::DataError(given_.folder, "no images to compare");
    }
    const std::size_t there = given_.images->size();
    const std::size_t wanted = options_.num_images == 0 ? there : static_cast<std::size_t>(options_.num_images);
    const std::size_t count = std::min(there, wanted);
    for (std::size_t i = 0; i < count; ++i) rows_.push_back(i * there / count);
    certificate_.images_there = static_cast<std::int64_t>(there);
  }

  std::vector<Runner> runners() const {
    std::vector<Runner> all = installed_runners();
    for (const std::string& command : options_.runner) {
      all.push_back({.name = command, .command = command, .was_asked_for = true});
    }
    const auto limit = std::chrono::duration<double>(options_.runner_limit_s);
    for (Runner& runner : all) {
      runner.limit = std::chrono::ceil<std::chrono::milliseconds>(limit);
      runner.on_wait = given_.on_wait;
    }
    return all;
  }

  void start_runtimes() {
    for (const Runner& runner : runners()) {
      if (begins_at_pixels() && !runner.takes_pixels) continue;
      runtimes_.push_back(started(runner));
    }
    if (!runtimes_.empty()) return;
    throw core::Error(fmt::format(
        "there is no runtime at hand that runs {}: give the command of one (`runner`; the guide has a runner for "
        "onnxruntime-node), or install the packages of {} and build Margay again",
        core::spelled_out(file_.path.string()),
        begins_at_pixels() ? "ONNX Runtime (Debian 13: libonnxruntime-dev)"
                           : "ONNX Runtime (Debian 13: libonnxruntime-dev) or OpenCV (libopencv-dnn-dev)"));
  }

  RuntimeComparison comparison() const {
    return RuntimeComparison({.classes = given_.bundle.vocabulary.names(),
                              .is_multi_label = is_multi_label(),
                              .is_quantised = is_quantised(file_.model),
                              .bounds = certificate_.bounds});
  }

  JudgedRuntime started(const Runner& runner) const {
    JudgedRuntime judged{.runtime = nullptr,
                         .comparison = comparison(),
                         .told = {.name = runner.name, .version = "", .was_asked_for = runner.was_asked_for}};
    try {
      judged.runtime = start_runner(runner, file_.path);
      judged.told.name = judged.runtime->name();
      judged.told.version = judged.runtime->version();
    } catch (const RuntimeFailure& failure) {
      judged.told.problem = failure.what();
    }
    return judged;
  }

  std::string name_of(const fs::path& path) const {
    const fs::path relative = path.lexically_relative(given_.folder);
    return (relative.empty() || *relative.begin() == ".." ? path : relative).generic_string();
  }

  std::optional<std::vector<std::int64_t>> right_classes(std::size_t row) const {
    const data::Dataset& images = *given_.images;
    if (images.num_classes() != given_.bundle.vocabulary.size() || images.task() != given_.bundle.task) {
      return std::nullopt;
    }
    std::vector<std::int64_t> classes = images.classes(row);
    std::sort(classes.begin(), classes.end());
    if (classes.empty() && !is_multi_label()) return std::nullopt;
    return classes;
  }

  /// Reads images from rows_[done] on, and predicts them; those that cannot be read are noted.
  std::vector<VerifiedImage> next_images(std::size_t& done) {
    std::vector<VerifiedImage> images;
    std::size_t bytes = 0;
    while (done < rows_.size() && images.size() < kImagesAtOnce && bytes < kBytesAtOnce) {
      const std::size_t row = rows_[done++];
      const data::ImageSource source = given_.images->image(row);
      try {
        images.push_back(predicted(source, row));
        bytes += images.back().inputs.front().bytes.size();
      } catch (const core::DataError& problem) {
        certificate_.skipped.emplace_back(problem.what());
      }
      if (given_.on_progress) given_.on_progress(done, rows_.size());
    }
    return images;
  }

  VerifiedImage predicted(const data::ImageSource& source, std::size_t row) {
    const data::ImageSource::Bytes encoded = source.read();
    const data::ImageSource file(source.name(), encoded);
    core::Image pixels = whole_.read(file);
    VerifiedImage image{
        .name = name_of(source.name()), .inputs = {}, .margay = {}, .scaled = {}, .right = right_classes(row)};
    hashes_.emplace(image.name, core::sha256_of(*encoded));
    if (margay_seconds_.empty()) given_.predict(network_input(pipeline_, pixels));  // what is done once only
    const core::Stopwatch watch;
    const torch::Tensor input = network_input(pipeline_, pixels);
    const double preparing_s = watch.seconds();
    image.margay = outputs_of(given_.predict(input));
    margay_seconds_.push_back(watch.seconds() - (begins_at_pixels() ? 0 : preparing_s));
    image.scaled = scaled_outputs(file, pixels);
    image.inputs.push_back(begins_at_pixels() ? pixels_tensor(std::move(pixels)) : input_tensor(input));
    return image;
  }

  std::optional<ImageOutputs> scaled_outputs(const data::ImageSource& file, const core::Image& whole) const {
    if (data::jpeg_denominator({whole.height, whole.width}, pipeline_.read_options().min_side) == 1)
      return std::nullopt;
    const core::Image part = pipeline_.read(file);
    if (part.width == whole.width) return std::nullopt;
    return outputs_of(given_.predict(network_input(pipeline_, part)));
  }

  void judge(JudgedRuntime& each, const std::vector<VerifiedImage>& images) const {
    if (each.runtime == nullptr) return;
    try {
      for (const VerifiedImage& image : images) {
        if (each.comparison.images() == 0) each.runtime->run(image.inputs);  // what is done once only
        compare(each, image);
      }
    } catch (const RuntimeFailure& failure) {
      each.told.problem = failure.what();
      each.runtime.reset();
    }
  }

  void compare(JudgedRuntime& each, const VerifiedImage& image) const {
    const RuntimeOutputs outputs = each.runtime->run(image.inputs);
    const std::size_t classes = certificate_.classes.size();
    ImageOutputs theirs{.logits = floats_of_output(outputs, kLogitsOutput, classes),
                        .probabilities = floats_of_output(outputs, kProbabilitiesOutput, classes)};
    if (image.margay.p_known && gives_p_known()) theirs.p_known = floats_of_output(outputs, kKnownOutput, 1).front();
    each.comparison.add(image.name, image.margay, theirs, outputs.seconds, image.right);
  }

  bool gives_p_known() const {
    const auto& outputs = file_.model.outputs;
    return std::any_of(outputs.begin(), outputs.end(), [](const auto& value) { return value.name == kKnownOutput; });
  }

  static RuntimeVerdict verdict_of(const JudgedRuntime& each) {
    RuntimeVerdict verdict = each.comparison.verdict();
    verdict.name = each.told.name;
    verdict.version = each.told.version;
    verdict.problem = each.told.problem;
    verdict.was_asked_for = each.told.was_asked_for;
    return verdict;
  }

  std::string list_hash() const {
    core::Sha256 sum;
    for (const auto& [name, hash] : hashes_) {
      sum.update(fmt::format("{}  {}\n", hash, name));
    }
    return sum.finish();
  }

  const Verification& given_;
  const VerifyOptions& options_;
  const OnnxFile& file_;
  const data::ImagePipeline& pipeline_;
  data::ImagePipeline whole_;  ///< that decodes whole images
  RuntimeComparison scaled_;   ///< with images that pipeline_ decodes at a part of their size
  Certificate certificate_;
  std::vector<std::size_t> rows_;
  std::vector<JudgedRuntime> runtimes_;
  std::multimap<std::string, std::string> hashes_;  ///< of the images, by name
  std::vector<double> margay_seconds_;
};

}  // namespace

bool is_quantised(const OnnxModel& model) {
  return std::any_of(model.nodes.begin(), model.nodes.end(),
                     [](const OnnxNode& node) { return node.op == "QuantizeLinear" || node.op == "DequantizeLinear"; });
}

Certificate verify(const Verification& verification) {
  core::validate(verification.options);
  const torch::NoGradGuard no_grad;
  return Verifier(verification).run();
}

const core::OptionTable& VerifyOptions::fields() {
  using O = VerifyOptions;
  static const core::OptionTable table(
      "verify",
      {core::field<&O::runner>("runner",
                               "command of a program that runs ONNX files (docs/guide/verify.md); the file's "
                               "name is put behind it"),
       core::field<&O::runner_limit_s>("runner_limit_s", "a runner that has not answered for so long is ended, s",
                                       {0.1, 86400}),
       core::field<&O::num_images>("num_images", "how many images are compared, evenly spread over all; 0: all",
                                   {0, 1e9}),
       core::field<&O::ignore_hashes>("ignore_hashes", "compare what the files say, whatever their hashes say"),
       core::field<&O::bounds>("bounds", "how far they may differ")});
  return table;
}

}  // namespace margay::exporting
