#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "margay/model/weights/pickle/pickle.h"

namespace margay::model {

/// More values than these in one pickle are refused; a ResNet-152 with its optimizer has 40,000.
constexpr std::size_t kMaxPickleValues = std::size_t{1} << 21U;

/// Reads one pickle from the front of `bytes`: the binary opcodes of protocols 2 to 5, which are all that torch.save
/// writes. Python's own reader is a machine that imports and calls whatever a file names; this one only takes down what
/// the file says: None, numbers, texts, bytes, lists, tuples, sets, dicts, and the globals of allowed_globals.h.
/// Memory is bounded by a multiple of the bytes, time is linear in them, and nothing recurses.
/// path, offset: the file and where in it the bytes begin, for messages.
/// Throws core::FormatError, naming the global, for one that is not allowed; the opcode and the place for every other
/// breach.
Pickle unpickle(std::span<const std::byte> bytes, const std::filesystem::path& path, std::size_t offset = 0);

}  // namespace margay::model
