#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "margay/model/weights/pickle/pickle_bytes.h"
#include "margay/model/weights/pickle/pickle_value.h"

namespace margay::model {

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
