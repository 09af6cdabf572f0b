#pragma once

#include <cstdint>
#include <string_view>

namespace margay::model {

/// What protocols 2 to 5 write (Python's Lib/pickletools.py describes them). The text forms of protocols 0 and 1 are
/// missing on purpose, and so are INST, OBJ and EXT: no version of torch.save writes them.
enum class Opcode : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kNone = 'N',
  kTrue = 0x88,
  kFalse = 0x89,
  kInt = 'J',
  kInt1 = 'K',
  kInt2 = 'M',
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kFloat = 'G',
  kShortString = 'U',  // Python 2's str
  kString = 'T',
  kShortUnicode = 0x8c,
  kUnicode = 'X',
  kUnicode8 = 0x8d,
  kShortBytes = 'C',
  kBytes = 'B',
  kBytes8 = 0x8e,
  kByteArray8 = 0x96,
  kEmptyList = ']',
  kEmptyTuple = ')',
  kEmptyDict = '}',
  kEmptySet = 0x8f,
  kList = 'l',
  kTuple = 't',
  kDict = 'd',
  kFrozenSet = 0x91,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kAppend = 'a',
  kAppends = 'e',
  kAddItems = 0x90,
  kSetItem = 's',
  kSetItems = 'u',
  kPut = 'q',
  kLongPut = 'r',
  kMemoize = 0x94,
  kGet = 'h',
  kLongGet = 'j',
  kGlobal = 'c',
  kStackGlobal = 0x93,
  kReduce = 'R',
  kNewObject = 0x81,
  kNewObjectEx = 0x92,
  kBuild = 'b',
  kPersistent = 'Q',
  kProtocol = 0x80,
  kFrame = 0x95,
};

/// How the unpickler treats a Python global.
enum class GlobalKind {
  kRefused,  ///< any name that is not in the table
  kDict,     ///< called, it is a dict
  kList,     ///< called, it is a list or set
  kTorch,    ///< of tensors: functions that build them, their storages, their dtypes
  kInert,    ///< a harmless object of training programs; it is replaced by a placeholder without content
};

/// name: "module.name". A file may mention nothing outside this table, and even these names are never called: a value
/// records what the file asked for, and the reader of tensors (state_dict.h) interprets those of kTorch.
GlobalKind kind_of_global(std::string_view name);

}  // namespace margay::model
