#pragma once

#include <utility>

namespace margay::train {

/// Sets a variable for the length of a scope and puts its value back at the end, also after an exception.
template <class T>
class KeptValue {
 public:
  KeptValue(T& place, T meanwhile) : place_(place), before_(std::exchange(place, std::move(meanwhile))) {}
  KeptValue(const KeptValue&) = delete;
  KeptValue& operator=(const KeptValue&) = delete;
  ~KeptValue() { place_ = std::move(before_); }

 private:
  T& place_;
  T before_;
};

}  // namespace margay::train
