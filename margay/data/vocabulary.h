#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace margay::data {

/// The classes, in the order of their indices 0 … K-1.
class Vocabulary {
 public:
  Vocabulary() = default;
  /// Keeps the given order. Throws std::invalid_argument when a name comes twice, core::DataError when
  /// one is not UTF-8.
  explicit Vocabulary(std::vector<std::string> names);
  /// The distinct labels, sorted by code point, as fastai's CategoryMap.
  static Vocabulary of_labels(const std::vector<std::string>& labels);

  std::int64_t size() const { return static_cast<std::int64_t>(names_.size()); }
  const std::vector<std::string>& names() const { return names_; }
  /// Throws std::out_of_range outside 0 … K-1.
  const std::string& name(std::int64_t index) const;
  /// Throws std::invalid_argument for a label that is no class, suggesting the nearest.
  std::int64_t index(const std::string& label) const;

  bool operator==(const Vocabulary& other) const { return names_ == other.names_; }

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::int64_t> index_;
};

}  // namespace margay::data
