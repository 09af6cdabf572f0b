#include "apps/cli/exported_page.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"
#include "apps/serve/image_prediction.h"
#include "apps/web/page_files.h"
#include "apps/web/single_page.h"
#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/field_type.h"
#include "margay/core/file.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPageFile = "index.html";
constexpr const char* kPageModel = "model.onnx";
constexpr const char* kPageWasm = "ort-wasm-simd-threaded.wasm";
constexpr const char* kWebScript = "ort.wasm.bundle.min.mjs";
/// Its name in the page: of .mjs not every server knows that it is a script.
constexpr const char* kPageScript = "ort.wasm.bundle.min.js";

constexpr std::string_view kWhereFrom =
    "npm's onnxruntime-web has it from version 1.20 on: npm install --ignore-scripts onnxruntime-web, and then "
    "--ort-web "
    "node_modules/onnxruntime-web/dist";

/// The folder itself, or its dist.
fs::path web_runtime_folder(const fs::path& given) {
  std::error_code ignored;
  if (!fs::exists(given, ignored)) {
    throw core::DataError(given, fmt::format("there is no such folder; {}", kWhereFrom));
  }
  const bool is_package = !fs::exists(given / kWebScript, ignored) && fs::is_directory(given / "dist", ignored);
  fs::path folder = is_package ? given / "dist" : given;
  std::vector<std::string> missing;
  for (const char* file : {kWebScript, kPageWasm}) {
    if (!fs::is_regular_file(folder / file, ignored)) missing.emplace_back(file);
  }
  if (missing.empty()) return folder;
  throw core::DataError(folder, fmt::format("lacks {}; {}", core::joined(missing, " and "), kWhereFrom));
}

std::string beginning_of(const fs::path& file, std::size_t bytes) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(bytes, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(bytes));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

/// "1.30.0", by the remark that its script begins with.
std::string web_runtime_version(const fs::path& folder) {
  constexpr std::string_view kTitle = "ONNX Runtime Web v";
  const std::string begin = beginning_of(folder / kWebScript, 400);
  const std::size_t at = begin.find(kTitle);
  if (at == std::string::npos || !beginning_of(folder / kPageWasm, 4).starts_with(std::string_view("\0asm", 4))) {
    throw core::DataError(folder,
                          fmt::format("{} or {} is not what it is called; {}", kWebScript, kPageWasm, kWhereFrom));
  }
  const std::string rest = begin.substr(at + kTitle.size());
  return rest.substr(0, rest.find_first_not_of("0123456789."));
}

/// Throws where the folder holds what is none of a page's.
void check_is_page(const fs::path& folder) {
  constexpr std::array<std::string_view, 4> kFiles = {kPageFile, kPageModel, kPageScript, kPageWasm};
  if (!fs::is_directory(folder)) throw core::DataError(folder, "is no folder, and the page would be called so");
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (std::find(kFiles.begin(), kFiles.end(), name) != kFiles.end()) continue;
    throw core::DataError(folder, fmt::format("holds {}, which is none of a page's files; it is not replaced", name));
  }
}

void copy_for_page(const fs::path& from, const fs::path& to) {
  std::error_code failure;
  fs::copy_file(from, to, failure);
  if (failure) throw core::IoError(to, fmt::format("cannot be copied from {}", shown_path(from)), failure.value());
}

/// A new folder beside another, which takes its place or goes.
class FolderInTheMaking {
 public:
  explicit FolderInTheMaking(fs::path target)
      : target_(std::move(target)), folder_(hidden_beside("new")), earlier_(hidden_beside("earlier")) {
    std::error_code failure;
    fs::remove_all(folder_, failure);
    fs::create_directory(folder_, failure);
    if (failure) throw core::IoError(folder_, "cannot be made", failure.value());
  }
  FolderInTheMaking(const FolderInTheMaking&) = delete;
  FolderInTheMaking& operator=(const FolderInTheMaking&) = delete;
  ~FolderInTheMaking() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  const fs::path& path() const { return folder_; }

  void put_in_place() const {
    std::error_code failure;
    const bool has_earlier = fs::exists(target_, failure);
    if (has_earlier) fs::rename(target_, earlier_, failure);
    if (!failure) fs::rename(folder_, target_, failure);
    if (failure) throw core::IoError(target_, "cannot be put in place", failure.value());
    if (has_earlier) fs::remove_all(earlier_, failure);
  }

 private:
  fs::path hidden_beside(const char* what) const {
    const std::string name = fmt::format(".{}.{}-{}", target_.filename().string(), what, getpid());
    return target_.parent_path() / name;
  }

  fs::path target_;
  fs::path folder_;
  fs::path earlier_;
};

/// ExportedModel of apps/web/src/onnx/session.ts.
nlohmann::ordered_json page_model(const fs::path& onnx, const bundle::Bundle& bundle, const fs::path& model,
                                  const std::string& runtime_version) {
  const std::string sha256 = core::sha256_of_file(onnx);
  nlohmann::ordered_json json = {
      {"name", model.stem().string()},
      {"version", routes::model_version(model)},
      {"file", kPageModel},
      {"bytes", fs::file_size(onnx)},
      {"sha256", sha256},
      {"integrity", web::integrity_hash(sha256)},
      {"classes", bundle.vocabulary.names()},
      {"task", core::to_text(bundle.task)},
      {"alpha", nullptr},
      {"deep_bits", bundle.transforms.deep_bits},
      {"runtime", {{"script", kPageScript}, {"wasm", kPageWasm}, {"version", runtime_version}}}};
  if (bundle.unknown) json["alpha"] = bundle.unknown->alpha();
  return json;
}

web::SinglePage page_of_model(const std::string& name) {
  return {.title = name + " in your browser",
          .root = "onnx",
          .noscript = "This page computes by its script. Allow scripts to use it.",
          .files = web::onnx_files(),
          .policy = {.images = " blob:",
                     .scripts = " 'self' 'wasm-unsafe-eval'",
                     .others = "connect-src 'self'; worker-src 'self'; "}};
}

}  // namespace

ExportedPage::ExportedPage(const ExportedPageOptions& options, const fs::path& onnx, bool replaces)
    : onnx_(onnx),
      folder_(fs::path(onnx).replace_extension(".page")),
      runtime_(web_runtime_folder(options.ort_web)),
      runtime_version_(web_runtime_version(runtime_)) {
  if (fs::exists(fs::symlink_status(folder_))) {
    if (!replaces) throw core::DataError(folder_, "exists already; --overwrite replaces it");
    check_is_page(folder_);
  }
}

fs::path ExportedPage::write(const bundle::Bundle& bundle, const fs::path& model) const {
  const FolderInTheMaking making(folder_);
  fill(making.path(), bundle, model);
  making.put_in_place();
  return folder_;
}

void ExportedPage::fill(const fs::path& folder, const bundle::Bundle& bundle, const fs::path& model) const {
  copy_for_page(onnx_, folder / kPageModel);
  copy_for_page(runtime_ / kWebScript, folder / kPageScript);
  copy_for_page(runtime_ / kPageWasm, folder / kPageWasm);
  const web::SinglePage page = page_of_model(model.stem().string());
  const auto document = page_model(folder / kPageModel, bundle, model, runtime_version_);
  core::write_file_atomically(folder / kPageFile,
                              web::page_begin(page) + web::page_data(web::script_json(document)) + web::page_end(page));
}

const core::OptionTable& ExportedPageOptions::fields() {
  using O = ExportedPageOptions;
  static const core::OptionTable table(
      "exported_page",
      {core::field<&O::page>(
           "page",
           "also a folder NAME.page: a page that runs the file in a browser, by itself; any server of "
           "static files serves it"),
       core::field<&O::ort_web>("ort_web", "the folder dist of npm's onnxruntime-web, whose files go into the page",
                                {core::needs({"page"})})});
  return table;
}

}  // namespace margay::cli
