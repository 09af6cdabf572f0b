#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/types.h>

#include "margay/model/weights/tensor_map.h"

namespace margay::testing_support {

/// Pieces of pickles, written by hand.
inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFFU);
  return text;
}

inline std::string pickled(const std::string& text) { return "X" + little_endian(text.size(), 4) + text; }

inline std::string pickled(std::int64_t number) {
  return "\x8a\x08" + little_endian(static_cast<std::uint64_t>(number), 8);
}

inline std::string pickled(at::IntArrayRef numbers) {
  std::string text = "(";
  for (const std::int64_t each : numbers) text += pickled(each);
  return text + "t";
}

inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}

/// What torch.save writes for a tensor; every number may be wrong.
struct PickledTensor {
  std::string storage_class = "FloatStorage";
  std::string key = "0";
  std::int64_t elements = 0;
  std::int64_t offset = 0;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
};

inline std::string pickled(const PickledTensor& tensor) {
  return global("torch._utils", "_rebuild_tensor_v2") + "((" + pickled(std::string("storage")) +
         global("torch", tensor.storage_class) + pickled(tensor.key) + pickled(std::string("cpu")) +
         pickled(tensor.elements) + "tQ" + pickled(tensor.offset) + pickled(at::IntArrayRef(tensor.sizes)) +
         pickled(at::IntArrayRef(tensor.strides)) + "\x89" + global("collections", "OrderedDict") + ")RtR";
}

inline std::string pickle_of(const std::string& content) { return "\x80\x02" + content + "."; }

/// The bytes of a zip file whose entries are stored, without checksums.
inline std::string zip_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string zip;
  std::string directory;
  for (const auto& [name, content] : files) {
    const std::string sizes = little_endian(0, 4) + little_endian(content.size(), 4) + little_endian(content.size(), 4);
    directory += "PK\x01\x02" + std::string(12, '\0') + sizes + little_endian(name.size(), 2) + std::string(12, '\0') +
                 little_endian(zip.size(), 4) + name;
    zip += "PK\x03\x04" + std::string(10, '\0') + sizes + little_endian(name.size(), 2) + little_endian(0, 2) + name +
           content;
  }
  const std::string end = "PK\x05\x06" + little_endian(0, 4) + little_endian(files.size(), 2) +
                          little_endian(files.size(), 2) + little_endian(directory.size(), 4) +
                          little_endian(zip.size(), 4) + little_endian(0, 2);
  return zip + directory + end;
}

inline std::string bytes_of(const torch::Tensor& tensor) {
  const torch::Tensor dense = tensor.contiguous();
  return {static_cast<const char*>(dense.data_ptr()), dense.nbytes()};
}

/// The class of the storages of a dtype: of those that the tests write.
inline std::string storage_class(const torch::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kHalf:
      return "HalfStorage";
    case torch::kBFloat16:
      return "BFloat16Storage";
    case torch::kDouble:
      return "DoubleStorage";
    case torch::kLong:
      return "LongStorage";
    default:
      return "FloatStorage";
  }
}

/// A dict of the tensors, dense, each with a storage of its own: "0", "1", ….
inline std::string pickled_state(const model::TensorMap& state) {
  std::string text = "}(";
  int key = 0;
  for (const auto& [name, tensor] : state) {
    text += pickled(name) + pickled(PickledTensor{.storage_class = storage_class(tensor),
                                                  .key = std::to_string(key++),
                                                  .elements = tensor.numel(),
                                                  .sizes = tensor.sizes().vec(),
                                                  .strides = tensor.contiguous().strides().vec()});
  }
  return text + "u";
}

/// A file of torch.save in its zip form, as the samples are. before, after: what stands around the pickled state.
inline std::string torch_zip_of(const model::TensorMap& state, const std::string& before = "",
                                const std::string& after = "") {
  std::vector<std::pair<std::string, std::string>> files{
      {"archive/data.pkl", pickle_of(before + pickled_state(state) + after)}};
  int key = 0;
  for (const auto& each : state) files.emplace_back("archive/data/" + std::to_string(key++), bytes_of(each.second));
  files.emplace_back("archive/version", "3\n");
  return zip_of(files);
}

/// The same in the form of before torch 1.6.
inline std::string torch_legacy_of(const model::TensorMap& state) {
  std::string file = pickle_of(std::string("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12)) +
                     pickle_of("M\xe9\x03") + pickle_of("}(" + pickled(std::string("little_endian")) + "\x88u") +
                     pickle_of(pickled_state(state));
  std::string keys = "](";
  std::string storages;
  int key = 0;
  for (const auto& each : state) {
    keys += pickled(std::to_string(key++));
    storages += little_endian(static_cast<std::uint64_t>(each.second.numel()), 8) + bytes_of(each.second);
  }
  return file + pickle_of(keys + "e") + storages;
}

}  // namespace margay::testing_support
