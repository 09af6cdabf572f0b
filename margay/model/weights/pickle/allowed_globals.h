#pragma once

#include <string_view>

namespace margay::model {

/// What the unpickler makes of a name of Python's world.
enum class GlobalKind {
  kRefused,  ///< everything that is not in the table
  kDict,     ///< called, it is a dict
  kList,     ///< called, it is a list or set
  kTorch,    ///< of tensors: what builds them, their storages, their dtypes
  kInert,    ///< a harmless object of training programs; a placeholder takes its place and its content is dropped
};

/// name: "module.name". The table is the whole of what a file may mention. Even of that nothing is ever called: a value
/// says what the file asked for, and torch_tensors.h reads from those of kTorch where a tensor lies.
GlobalKind kind_of_global(std::string_view name);

}  // namespace margay::model
