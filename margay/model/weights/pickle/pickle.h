#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace margay::model {

/// Reads the bytes of a pickle in order, and never beyond the end.
class PickleBytesReader {
 public:
  /// path: the file, for messages. offset: where in the file the bytes begin.
  PickleBytesReader(std::span<const std::byte> bytes, const std::filesystem::path& path, std::size_t offset = 0)
      : bytes_(bytes), path_(path), offset_(offset) {}

  std::size_t position() const { return position_; }

  /// A number of 1 to 8 bytes, little-endian.
  std::uint64_t number(std::size_t bytes);
  /// As Python's BINFLOAT: 8 bytes, the highest first.
  double fraction();
  /// The next `length` bytes; the length is checked against the remaining bytes before memory is allocated.
  std::string text(std::uint64_t length);
  /// The text up to the next line break, which is skipped.
  std::string line();

  /// Throws core::FormatError naming the file, the byte where the latest step began, and the problem.
  [[noreturn]] void fail(const std::string& problem) const;
  /// Makes messages name the current position.
  void begin_step() { step_ = position_; }

 private:
  std::span<const std::byte> take(std::uint64_t length);

  std::span<const std::byte> bytes_;
  const std::filesystem::path& path_;
  std::size_t offset_;
  std::size_t position_ = 0;
  std::size_t step_ = 0;
};

/// The place of a value in Pickle::values. Values refer to each other by position, not by pointer, so that cycles and
/// values nested a million deep need no recursion, not even for their destruction.
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

/// A Python global that allowed_globals.h permits. It is never looked up, imported or called.
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

/// What the pickle machine works on: values, the stack with its marks, and the memo. Every access is checked and fails
/// through the reader, which knows the place.
class PickleStack {
 public:
  explicit PickleStack(const PickleBytesReader& reader) : reader_(reader) {}

  /// Makes a value and pushes it.
  void push(PickleValue value);
  /// Pushes a value that exists.
  void push_again(PickleId id);
  PickleId pop();
  PickleId top() const;

  void mark();
  /// All values above the latest mark, which goes too.
  std::vector<PickleId> pop_to_mark();
  /// The uppermost `count` values, the lowest of them first.
  std::vector<PickleId> pop_many(std::size_t count);

  void memoize(std::uint64_t index);
  void memoize_next() { memoize(memo_.size()); }
  void recall(std::uint64_t index);

  /// The value as a T, or null.
  template <class T>
  T* get(PickleId id) {
    return std::get_if<T>(&pickle_.values[id]);
  }

  /// Ends with the value on top, which must be alone.
  Pickle finish(std::size_t bytes);

 private:
  /// Values above the latest mark; below it nothing may be popped.
  std::size_t reachable() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }

  const PickleBytesReader& reader_;
  Pickle pickle_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PickleId> memo_;
};

}  // namespace margay::model
