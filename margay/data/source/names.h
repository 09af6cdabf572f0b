#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "margay/data/item.h"

namespace margay::data {

/// A set of names, numbered in the order they are added and found by a hash. A million names take about 80 MB.
class NameIndex {
 public:
  /// Returns false, and adds nothing, if the name is there already. At most 2^32 - 1 names.
  bool add(std::string_view name);
  /// The number of a name.
  std::optional<std::size_t> find(std::string_view name) const;

  std::size_t size() const { return names_.size(); }
  /// Stays valid until a name is added.
  std::string_view name(std::size_t i) const { return names_.text(i); }

 private:
  static constexpr std::uint32_t kFree = ~std::uint32_t{0};

  std::size_t slot_of(std::string_view name) const;
  void grow();

  PathList names_;
  std::vector<std::uint32_t> slots_;  ///< open addressing, a power of two, at most two thirds full
};

/// Counts names and keeps the first three, for messages: "'a', 'b', 'c' and 9 more".
class NameList {
 public:
  void add(const std::string& name);
  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  std::string text() const;

 private:
  std::vector<std::string> shown_;
  std::size_t count_ = 0;
};

}  // namespace margay::data
