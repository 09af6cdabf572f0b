#pragma once

#include <concepts>
#include <cstddef>
#include <string>

namespace margay::train {

/// Appends a number's bytes, the lowest first, whatever the machine's order.
template <std::unsigned_integral T>
void append_little_endian(std::string& bytes, T number) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xFFU));
}

}  // namespace margay::train
