#pragma once

#include <filesystem>
#include <string>

#include "margay/bundle/bundle.h"
#include "margay/core/options.h"

namespace margay::cli {

/// A page that runs an exported model in a browser.
struct ExportedPageOptions {
  bool page = false;
  std::filesystem::path ort_web;  ///< the folder dist of npm's onnxruntime-web, or the one above

  static const core::OptionTable& fields();
};

/// A folder NAME.page beside NAME.onnx, complete in itself: index.html, a copy of the ONNX file, model.onnx, and the
/// two files of onnxruntime-web that run it. Any server of static files serves it. The page asks for nothing else.
class ExportedPage {
 public:
  /// Throws what would otherwise be thrown after the model has been made: core::DataError where `ort_web` lacks a
  /// file, naming it and where it is from, and where the folder exists and must not be replaced, or holds other files
  /// than such a page's; core::IoError where nothing can be written.
  ExportedPage(const ExportedPageOptions& options, const std::filesystem::path& onnx, bool replaces);

  /// Copies the ONNX file, whose constants are all in it, and writes the rest. The folder appears complete or not at
  /// all. bundle: what the file was made from; model: its file, for name and version. Throws core::IoError.
  std::filesystem::path write(const bundle::Bundle& bundle, const std::filesystem::path& model) const;

 private:
  void fill(const std::filesystem::path& folder, const bundle::Bundle& bundle,
            const std::filesystem::path& model) const;

  std::filesystem::path onnx_;
  std::filesystem::path folder_;
  std::filesystem::path runtime_;  ///< of onnxruntime-web's files
  std::string runtime_version_;
};

}  // namespace margay::cli
