#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace margay::model {

/// The place of a value in Pickle::values. Values refer to each other by place, not by pointer: what a file makes refer
/// to itself, or nests a million deep, then needs neither recursion nor care when it goes.
using PickleId = std::uint32_t;

struct PickleNone {};

/// A whole number of more than 64 bits: little-endian, two's complement.
struct PickleBigInteger {
  std::string bytes;
};

struct PickleBytes {
  std::string bytes;
};

/// A list, tuple or set.
struct PickleSequence {
  std::vector<PickleId> items;
};

/// A dict, OrderedDict and the like. Of entries with one key the last counts.
struct PickleDict {
  std::vector<std::pair<PickleId, PickleId>> entries;
};

/// A name of Python's world that allowed_globals.h permits. It is never looked up, imported or called.
struct PickleGlobal {
  std::string name;  ///< "torch._utils._rebuild_tensor_v2"
};

/// What Python would get by calling a global; nothing is called here.
struct PickleCall {
  PickleId callable = 0;
  PickleId arguments = 0;
  std::optional<PickleId> state = {};  ///< given to the object afterwards
};

/// What Python would ask of the program that reads; torch.save has its storages behind these.
struct PicklePersistent {
  PickleId id = 0;
};

using PickleValue = std::variant<PickleNone, bool, std::int64_t, double, std::string, PickleBigInteger, PickleBytes,
                                 PickleSequence, PickleDict, PickleGlobal, PickleCall, PicklePersistent>;

/// All values of one pickle.
struct Pickle {
  std::vector<PickleValue> values;
  PickleId root = 0;
  std::size_t bytes = 0;  ///< how long it was

  /// The value as a T, or null if it is something else.
  template <class T>
  const T* get(PickleId id) const {
    return std::get_if<T>(&values.at(id));
  }

  /// The last value of that text as key, or null.
  const PickleId* find(const PickleDict& dict, std::string_view key) const;

  /// "a dict", "text": for messages.
  std::string kind(PickleId id) const;
};

}  // namespace margay::model
