#include "margay/model/weights/pickle/pickle_stack.h"

#include <fmt/format.h>

#include "margay/model/weights/pickle/unpickler.h"

namespace margay::model {

void PickleStack::push(PickleValue value) {
  if (pickle_.values.size() >= kMaxPickleValues) reader_.fail(fmt::format("more than {} values", kMaxPickleValues));
  pickle_.values.push_back(std::move(value));
  stack_.push_back(static_cast<PickleId>(pickle_.values.size() - 1));
}

void PickleStack::push_again(PickleId id) {
  if (stack_.size() >= kMaxPickleValues) reader_.fail(fmt::format("more than {} values at once", kMaxPickleValues));
  stack_.push_back(id);
}

PickleId PickleStack::top() const {
  if (reachable() == 0) reader_.fail("a value is needed where there is none");
  return stack_.back();
}

PickleId PickleStack::pop() {
  const PickleId id = top();
  stack_.pop_back();
  return id;
}

std::vector<PickleId> PickleStack::pop_many(std::size_t count) {
  if (reachable() < count) reader_.fail(fmt::format("{} values are needed where there are {}", count, reachable()));
  std::vector<PickleId> values(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
  stack_.resize(stack_.size() - count);
  return values;
}

void PickleStack::mark() {
  if (marks_.size() >= kMaxPickleValues) reader_.fail(fmt::format("more than {} groups at once", kMaxPickleValues));
  marks_.push_back(stack_.size());
}

std::vector<PickleId> PickleStack::pop_to_mark() {
  if (marks_.empty()) reader_.fail("the end of a group that never began");
  std::vector<PickleId> values = pop_many(reachable());
  marks_.pop_back();
  return values;
}

void PickleStack::memoize(std::uint64_t index) {
  if (memo_.size() >= kMaxPickleValues) reader_.fail(fmt::format("more than {} values to remember", kMaxPickleValues));
  memo_[index] = top();
}

void PickleStack::recall(std::uint64_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end()) reader_.fail(fmt::format("refers to value {}, which has not been", index));
  push_again(found->second);
}

Pickle PickleStack::finish(std::size_t bytes) {
  pickle_.root = top();
  if (stack_.size() != 1 || !marks_.empty()) reader_.fail("ends in the middle of a value");
  pickle_.bytes = bytes;
  return std::move(pickle_);
}

}  // namespace margay::model
