#include <array>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/exported_page.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/quantisation.h"
#include "apps/cli/verification.h"
#include "margay/bundle/bundle.h"
#include "margay/core/checksum.h"
#include "margay/core/file.h"
#include "margay/core/quantity.h"
#include "margay/core/text.h"
#include "margay/export/export_bundle.h"
#include "margay/export/published_weights.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  fs::path model;
  fs::path out;
  bool overwrite = false;
  fs::path verify;
  fs::path weights_only;
  exporting::OnnxOptions onnx;
  ExportedPageOptions page;
  QuantisationOptions quantisation;
  VerificationOptions verification;

  static const core::OptionTable& fields() {
    using O = ExportOptions;
    static const core::OptionTable table(
        "export",
        {core::field<&O::overwrite>("overwrite", "replace the files that are there"),
         core::field<&O::verify>(
             "verify",
             "compare the file with the model on these images, in every runtime at hand; where it says something else "
             "it stays in a folder beside, OUT.unverified, and the exit code is 1"),
         core::field<&O::weights_only>(
             "weights_only",
             "instead: the weights alone under the names of torchvision or timm, in this file, NAME.safetensors, with "
             "config.json, preprocessor_config.json and a model card beside it; for linear and published heads",
             {core::excludes({"verify"})}),
         core::field<&O::onnx>("onnx", "what the ONNX file holds"),
         core::field<&O::page>("page", "a page that runs it"),
         core::field<&O::quantisation>("quantisation", "smaller and faster"),
         core::field<&O::verification>("verification", "how they are compared")});
    return table;
  }

  /// NAME.onnx beside NAME.margay, unless another file is given.
  fs::path target() const { return out.empty() ? fs::path(model).replace_extension(".onnx") : out; }
};

fs::path beside(const fs::path& file, const char* ending) {
  fs::path path = file;
  path += ending;
  return path;
}

/// Of QuantizeOptions and the number of images.
constexpr std::array kInt8Flags = {"--num-calibration-images", "--calibration",  "--percentile", "--weight-bits",
                                   "--quantise-first",         "--quantise-last"};

void check_export_target(const fs::path& target, const char* extension, const ExportOptions& options) {
  if (target.extension() != extension) {
    throw UsageError(fmt::format("{}: the file to write is called NAME{}", shown_path(target), extension));
  }
  if (fs::exists(target) && !options.overwrite) {
    throw core::DataError(target, "exists already; --overwrite replaces it");
  }
  core::check_writable(target);
}

std::string sides_text(const std::vector<exporting::OnnxDimension>& shape) {
  std::vector<std::string> sides;
  for (const exporting::OnnxDimension& side : shape) {
    const auto* number = std::get_if<std::int64_t>(&side);
    sides.push_back(number ? std::to_string(*number) : std::get<std::string>(side));
  }
  return fmt::format("[{}]", core::joined(sides, ","));
}

std::string onnx_value_text(const exporting::OnnxValue& value) {
  return fmt::format("{} {} {}", value.name, value.type == exporting::OnnxType::kUint8 ? "uint8" : "float",
                     sides_text(value.shape));
}

std::string sizes_text(const std::vector<fs::path>& files) {
  std::string text;
  for (const fs::path& file : files) {
    text += fmt::format("{}: {}\n", shown_path(file), core::size_text(fs::file_size(file)));
  }
  return text;
}

/// What the file takes and gives.
std::string interface_text(const exporting::OnnxModel& model) {
  std::string text;
  for (const exporting::OnnxValue& value : model.inputs) text += fmt::format("  in   {}\n", onnx_value_text(value));
  for (const exporting::OnnxValue& value : model.outputs) text += fmt::format("  out  {}\n", onnx_value_text(value));
  return text;
}

constexpr std::array kCertificateEndings = {".certificate.json", ".certificate.html"};

/// What belongs to an earlier file of this name and would say something wrong beside a new one.
void remove_stale_files(const fs::path& target, bool has_data) {
  std::error_code ignored;  // what cannot be removed has a hash that tells it apart
  for (const char* ending : kCertificateEndings) fs::remove(beside(target, ending), ignored);
  if (!has_data) fs::remove(beside(target, ".data"), ignored);
}

void move_into_place(const fs::path& from, const fs::path& to) {
  std::error_code failure;
  fs::rename(from, to, failure);
  if (failure) throw core::IoError(to, "cannot be moved from " + shown_path(from), failure.value());
}

/// A folder beside the target for a file that nobody has compared yet. An earlier one of that name is replaced.
class UnverifiedFolder {
 public:
  explicit UnverifiedFolder(const fs::path& target) : target_(target), folder_(beside(target, ".unverified")) {
    std::error_code failure;
    fs::remove_all(folder_, failure);
    fs::create_directory(folder_, failure);
    if (failure) throw core::IoError(folder_, "cannot be made", failure.value());
  }
  UnverifiedFolder(const UnverifiedFolder&) = delete;
  UnverifiedFolder& operator=(const UnverifiedFolder&) = delete;
  ~UnverifiedFolder() {
    std::error_code ignored;
    if (!is_kept_) fs::remove_all(folder_, ignored);
  }

  fs::path file() const { return folder_ / target_.filename(); }
  const fs::path& keep() {
    is_kept_ = true;
    return folder_;
  }

  /// Everything to where it belongs, the model last.
  std::vector<fs::path> release() {
    std::error_code ignored;
    const bool has_data = fs::exists(beside(file(), ".data"));
    if (has_data) fs::remove(target_, ignored);  // an earlier model must not stand beside data of another
    remove_stale_files(target_, has_data);
    std::vector<fs::path> files;
    for (const char* ending : {".data", kCertificateEndings[0], kCertificateEndings[1], ""}) {
      if (!fs::exists(beside(file(), ending))) continue;
      move_into_place(beside(file(), ending), beside(target_, ending));
      files.push_back(beside(target_, ending));
    }
    return files;
  }

 private:
  fs::path target_;
  fs::path folder_;
  bool is_kept_ = false;
};

core::ExitCode export_verified(const ExportOptions& options, const exporting::OnnxModel& model) {
  UnverifiedFolder folder(options.target());
  exporting::write_onnx(folder.file(), model);
  VerificationOptions verification = options.verification;
  verification.images.folder = options.verify;
  const core::ExitCode code = verify_onnx(folder.file(), options.model, verification);
  if (code != core::ExitCode::kDone) {
    complain(fmt::format("the file does not say what the model says; it is kept in {}", shown_path(folder.keep())));
    return code;
  }
  const std::vector<fs::path> files = folder.release();
  if (!verification.json) print_text(sizes_text(files) + interface_text(model));
  return code;
}

/// The page runs the file from its pixels on, in one piece.
void check_page_model(const exporting::OnnxModel& model) {
  std::uint64_t bytes = 0;
  for (const exporting::OnnxTensor& tensor : model.tensors) bytes += tensor.bytes();
  constexpr std::uint64_t kRestBytes = std::uint64_t{64} << 20;  // more than graph and metadata take
  if (bytes + kRestBytes < exporting::kLargestOnnxBytes) return;
  throw core::Error(fmt::format("the weights take {}; browsers run files of less than 2 GB: leave out --page",
                                core::size_text(bytes)));
}

/// Where the file is and says what the model says, the page around it.
void write_page(const std::optional<ExportedPage>& page, const bundle::Bundle& bundle, const ExportOptions& options) {
  if (!page) return;
  const fs::path folder = page->write(bundle, options.model);
  if (options.verification.json) return;
  const std::string name = shown_path(folder);
  print_out(
      "{}: a page that runs it; put the folder on any web server, or try it here:\n"
      "  python3 -m http.server --bind 127.0.0.1 --directory {}\n",
      name, core::shell_word(folder.string()));
}

core::ExitCode export_onnx(const ExportOptions& options) {
  check_export_target(options.target(), ".onnx", options);
  std::optional<ExportedPage> page;
  if (options.page.page) page.emplace(options.page, options.target(), options.overwrite);
  const bundle::Bundle bundle = bundle::load_bundle(options.model);
  const exporting::OnnxSource source = {options.model.filename().string(), core::sha256_of_file(options.model)};
  exporting::OnnxModel model = exporting::onnx_of(bundle, options.onnx, source);
  if (options.quantisation.int8) {
    model = quantised_onnx(model, {bundle, options.model, options.target()}, options.quantisation,
                           options.verification.verify, options.verification.json);
  }
  if (page) check_page_model(model);
  if (!options.verify.empty()) {
    const core::ExitCode code = export_verified(options, model);
    if (code == core::ExitCode::kDone) write_page(page, bundle, options);
    return code;
  }
  const std::vector<fs::path> files = exporting::write_onnx(options.target(), model);
  remove_stale_files(options.target(), files.size() > 1);
  print_text(sizes_text(files) + interface_text(model));
  write_page(page, bundle, options);
  return core::ExitCode::kDone;
}

core::ExitCode export_weights(const ExportOptions& options) {
  check_export_target(options.weights_only, ".safetensors", options);
  const bundle::Bundle bundle = bundle::load_bundle(options.model);
  const exporting::PublishedModel published = exporting::published_model(
      bundle, {.licence = options.onnx.licence, .source_sha256 = core::sha256_of_file(options.model)});
  const auto existing = options.overwrite ? exporting::ExistingFiles::kReplace : exporting::ExistingFiles::kRefuse;
  print_text(sizes_text(exporting::write_published(options.weights_only, published, existing)));
  print_out("Names: {}'s {}.\n", published.publisher, published.network);
  for (const std::string& note : published.notes) print_out("Note: {}.\n", note);
  return core::ExitCode::kDone;
}

/// What says how values become integers has no effect on floats; rules say so of --calibrate.
void check_int8_flags(const Command& command) {
  for (const char* flag : kInt8Flags) {
    if (command.is_given(flag)) throw UsageError(fmt::format("{} is about --int8, which is not given", flag));
  }
}

void check_page_flags(const ExportOptions& options) {
  if (!options.page.page) return;  // a rule says so of --ort-web
  if (options.page.ort_web.empty()) {
    throw UsageError(
        "--page needs --ort-web DIR, the folder dist of npm's onnxruntime-web: npm install --ignore-scripts "
        "onnxruntime-web, and then --ort-web node_modules/onnxruntime-web/dist");
  }
  if (options.onnx.input != exporting::OnnxInput::kPixels) {
    throw UsageError("--page runs files that begin at pixels: leave out --input tensor");
  }
}

/// What says how files are compared has no effect where none are.
void check_export_flags(const Command& command, const ExportOptions& options) {
  std::vector<std::string> allowed = {"model",          "--overwrite", "--licence",
                                      "--weights-only", "--threads",   "--pin-threads"};
  if (!options.weights_only.empty()) {
    if (const auto flag = command.given_besides(allowed)) {
      throw UsageError(fmt::format("{} has no effect with --weights-only", *flag));
    }
    return;
  }
  check_page_flags(options);
  if (!options.verify.empty() && options.quantisation.int8) return;
  if (!options.quantisation.int8) check_int8_flags(command);
  if (!options.verify.empty()) return;
  allowed.insert(allowed.end(), {"out", "--input", "--opset", "--page", "--ort-web"});
  if (options.quantisation.int8) {
    allowed.insert(allowed.end(), kInt8Flags.begin(), kInt8Flags.end());
    allowed.insert(allowed.end(), {"--int8", "--calibrate", "--runner", "--runner-limit-s"});
  }
  if (const auto flag = command.given_besides(allowed)) {
    throw UsageError(fmt::format("{} is about --verify, which is not given", *flag));
  }
}

}  // namespace

void add_export(CommandLine& line) {
  Command& command = line.add("export", "Write a model as an ONNX file, from pixels to probabilities");
  const auto options = std::make_shared<ExportOptions>();
  command.argument("model", options->model, "a model.margay", Presence::kRequired);
  command.argument("out", options->out, "the file to write, NAME.onnx; by default beside the model");
  command.footer(
      "The file takes decoded images, uint8 [N,H,W,3], RGB, upright, of any size, and resizes, crops and normalises\n"
      "them as predict does. It gives logits, calibrated probabilities and, for models that tell unknown images, "
      "p_known.\n"
      "  margay export pets.margay pets.onnx --verify images\n"
      "  margay export pets.margay pets8.onnx --int8 --calibrate images --verify images\n"
      "  margay export pets.margay pets.onnx --page --ort-web node_modules/onnxruntime-web/dist\n"
      "  margay export pets.margay --weights-only pets/model.safetensors --licence apache-2.0");
  command.flags(*options, kRunnerApart);
  add_runner_flag(command, options->verification);
  takes_unpinned_compute_threads(command);  // a runtime would inherit the one processor of a pinned thread
  command.everyday({"--input", "--opset", "--licence", "--overwrite", "--verify", "--runner", "--num-images",
                    "--device", "--int8", "--calibrate", "--weights-only", "--page", "--ort-web"});
  command.check([options, &command] { check_export_flags(command, *options); });
  command.does([options] { return options->weights_only.empty() ? export_onnx(*options) : export_weights(*options); });
}

}  // namespace margay::cli
