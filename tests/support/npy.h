#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace margay::testing_support {

/// An array read from a NumPy file, C order.
template <class T>
struct Array {
  std::vector<std::size_t> shape;
  std::vector<T> values;
};

namespace detail {

/// The text between the quotes or brackets that follow `key` in an .npy header.
inline std::string npy_field(const std::string& header, const std::string& key, char open, char close) {
  const std::size_t begin = header.find(open, header.find(key) + key.size()) + 1;
  return header.substr(begin, header.find(close, begin) - begin);
}

inline std::vector<std::size_t> npy_shape(const std::string& text) {
  std::vector<std::size_t> shape;
  for (std::size_t at = 0; (at = text.find_first_of("0123456789", at)) != std::string::npos;) {
    std::size_t length = 0;
    shape.push_back(std::stoul(text.substr(at), &length));
    at += length;
  }
  return shape;
}

template <class T>
const char* npy_type();
template <>
inline const char* npy_type<std::uint8_t>() {
  return "|u1";
}
template <>
inline const char* npy_type<float>() {
  return "<f4";
}

}  // namespace detail

/// Reads a little-endian .npy of version 1 holding uint8 or float. Throws std::runtime_error for another type.
template <class T>
Array<T> load_npy(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string start(10, '\0');
  file.read(start.data(), 10);
  std::string header(static_cast<unsigned char>(start[8]) + 256U * static_cast<unsigned char>(start[9]), '\0');
  file.read(header.data(), static_cast<std::streamsize>(header.size()));
  if (detail::npy_field(header, "'descr':", '\'', '\'') != detail::npy_type<T>()) {
    throw std::runtime_error(path.string() + " is no .npy of the expected type: " + header);
  }
  Array<T> array;
  array.shape = detail::npy_shape(detail::npy_field(header, "'shape':", '(', ')'));
  std::size_t count = 1;
  for (const std::size_t side : array.shape) count *= side;
  array.values.resize(count);
  file.read(reinterpret_cast<char*>(array.values.data()), static_cast<std::streamsize>(count * sizeof(T)));
  if (!file) throw std::runtime_error(path.string() + " is cut");
  return array;
}

}  // namespace margay::testing_support
