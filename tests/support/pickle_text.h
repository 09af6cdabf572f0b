#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

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

}  // namespace margay::testing_support
