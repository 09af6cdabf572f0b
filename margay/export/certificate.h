#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/export/export_bundle.h"
#include "margay/export/runtime_comparison.h"

namespace margay::exporting {

/// One file, as anybody can check it with sha256sum.
struct CertifiedFile {
  std::filesystem::path path;
  std::string sha256;
  std::uint64_t bytes = 0;
};

/// Whether an ONNX file says what the model says that it was made of, and how that was found out.
struct Certificate {
  CertifiedFile onnx;
  std::vector<CertifiedFile> onnx_data;  ///< constants beside it
  CertifiedFile model;
  std::string producer;  ///< of the ONNX file
  int opset = 0;
  OnnxInput input = OnnxInput::kPixels;
  bool is_quantised = false;
  std::vector<std::string> classes;

  std::filesystem::path folder;  ///< of the images
  std::int64_t images = 0;       ///< that were compared
  std::int64_t images_there = 0;
  /// SHA-256 of the lines "SHA-256  NAME" of all images compared, sorted by name, as sha256sum prints them.
  std::string images_sha256;
  std::vector<std::string> skipped;  ///< images that cannot be read, and why

  CertificateBounds bounds;
  bool hashes_ignored = false;
  std::vector<std::string> hash_breaches;
  std::vector<std::string> breaches;  ///< other ones that concern no single runtime
  std::string margay_version;
  std::string computed_with;  ///< "LibTorch 2.6.0, 2 threads"
  CertifiedSpeed margay_speed;
  /// Both sides got whole images. `margay predict` decodes large JPEGs at a part of their size: how far its predictions
  /// of those are from what Margay says of the whole ones. No part of the verdict; absent where there are none.
  std::optional<RuntimeVerdict> scaled_decoding;
  std::vector<RuntimeVerdict> runtimes;
  std::string time;  ///< UTC

  /// Whether a runtime ran, every one that ran or was asked for passes, and no hash says otherwise.
  bool passes() const;
  /// Every reason against it, a sentence each.
  std::vector<std::string> reasons() const;
  nlohmann::ordered_json json() const;
  /// A page of its own, without scripts.
  std::string html() const;
};

/// Writes NAME.onnx.certificate.json and NAME.onnx.certificate.html beside the ONNX file. Throws core::IoError.
void write_certificate(const Certificate& certificate);

}  // namespace margay::exporting
