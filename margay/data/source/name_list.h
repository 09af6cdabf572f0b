#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace margay::data {

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
