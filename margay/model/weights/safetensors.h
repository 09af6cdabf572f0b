#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "margay/model/weights/tensor_map.h"

/// The safetensors format (https://github.com/huggingface/safetensors#format): 8 bytes header length
/// (little-endian), a JSON header {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__":
/// {text: text}}, then the bytes of all tensors. Nothing in a file is ever executed.
namespace margay::model {

using Metadata = std::map<std::string, std::string>;

struct SafetensorsFile {
  TensorMap tensors;
  Metadata metadata;
};

/// Reads a file and checks everything in it: header length, JSON, duplicate keys, dtype, shape, and that the tensors
/// fill the data without overlaps or gaps. Throws core::FormatError naming the file, the tensor, what was expected and
/// what was found; core::DataError if the file cannot be opened.
///
/// Tensors have their own memory. If another program writes the file meanwhile, that is a core::FormatError too;
/// replacing it by rename, as write_safetensors does, is harmless.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

/// The metadata alone, with the header checked as by read_safetensors; tensors are not read.
Metadata read_safetensors_metadata(const std::filesystem::path& path);

/// Writes the file atomically (core::AtomicFile). Tensors of any device and layout; F64, F32, F16, BF16, I64, I32,
/// I16, I8, U8 and BOOL, others are std::invalid_argument, and so is a tensor named "__metadata__".
/// The bytes depend on the arguments only. Throws core::IoError, and then the previous file is still there.
void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors, const Metadata& metadata = {});

}  // namespace margay::model
