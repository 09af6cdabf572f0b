#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/export/onnx_model.h"

namespace margay::exporting {

/// A file that holds constants of a model beside it (the standard's external data).
struct OnnxDataFile {
  std::filesystem::path path;
  std::string sha256;
  std::uint64_t bytes = 0;
};

/// An ONNX file that Margay wrote.
struct OnnxFile {
  std::filesystem::path path;
  /// Its constants share the file's bytes, which are kept in memory; those of a file beside it are read when they are
  /// asked for.
  OnnxModel model;
  std::string sha256;  ///< of the file
  std::uint64_t bytes = 0;
  std::vector<OnnxDataFile> data;   ///< each once, in the order in which constants name them
  std::optional<std::string> seal;  ///< the hash of itself that the file holds (kSealKey)
  std::string sealed_sha256;        ///< what it should be

  /// The value of the model's metadata, if there is one of the key.
  std::optional<std::string> metadata(const std::string& key) const;
};

/// What a reader takes from a file that may be anyone's.
struct OnnxLimits {
  std::uint64_t file_bytes = kLargestOnnxBytes;
  std::size_t parts = 4'000'000;  ///< nodes, names, attributes, numbers and constants, all together
};

/// Reads a file into the model that write_onnx wrote. What the standard allows beyond that (subgraphs, functions,
/// sparse constants, other types) is refused, but for remarks and inferred shapes, which are passed over. Throws
/// core::DataError for a missing file, core::FormatError for bytes that are no ONNX model, naming the field
/// ("graph.node[3].attribute[0]: …"), for a model of another program, and for constants that are not where the file
/// says. Files that constants lie in must be beside it.
OnnxFile read_onnx(const std::filesystem::path& path, const OnnxLimits& limits = {});

}  // namespace margay::exporting
