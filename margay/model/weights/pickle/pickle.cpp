#include "margay/model/weights/pickle/pickle.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/model/weights/pickle/unpickler.h"

namespace margay::model {

std::span<const std::byte> PickleBytesReader::take(std::uint64_t length) {
  const std::size_t left = bytes_.size() - position_;
  if (length > left)
    fail(fmt::format("{} bytes are announced, {} are left; the file is truncated or damaged", length, left));
  const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(length));
  position_ += taken.size();
  return taken;
}

std::uint64_t PickleBytesReader::number(std::size_t bytes) {
  const auto taken = take(bytes);
  std::uint64_t number = 0;
  for (std::size_t i = taken.size(); i-- > 0;) number = number << 8U | std::to_integer<std::uint64_t>(taken[i]);
  return number;
}

double PickleBytesReader::fraction() {
  std::uint64_t bits = 0;
  for (const std::byte each : take(sizeof bits)) bits = bits << 8U | std::to_integer<std::uint64_t>(each);
  return std::bit_cast<double>(bits);
}

std::string PickleBytesReader::text(std::uint64_t length) {
  const auto taken = take(length);
  return {reinterpret_cast<const char*>(taken.data()), taken.size()};
}

std::string PickleBytesReader::line() {
  const auto left = bytes_.subspan(position_);
  const auto end = std::find(left.begin(), left.end(), std::byte{'\n'});
  if (end == left.end()) fail("a name without an end; the file is truncated or damaged");
  std::string line = text(static_cast<std::uint64_t>(end - left.begin()));
  ++position_;
  return line;
}

void PickleBytesReader::fail(const std::string& problem) const {
  throw core::FormatError(path_, fmt::format("[pickle] at byte {}: {}", offset_ + step_, problem));
}

namespace {

struct KindOf {
  std::string operator()(const PickleNone& /*value*/) const { return "None"; }
  std::string operator()(bool /*value*/) const { return "a truth value"; }
  std::string operator()(std::int64_t /*value*/) const { return "a whole number"; }
  std::string operator()(double /*value*/) const { return "a number"; }
  std::string operator()(const std::string& /*value*/) const { return "a text"; }
  std::string operator()(const PickleBigInteger& /*value*/) const { return "a whole number"; }
  std::string operator()(const PickleBytes& /*value*/) const { return "bytes"; }
  std::string operator()(const PickleSequence& /*value*/) const { return "a list"; }
  std::string operator()(const PickleDict& /*value*/) const { return "a dict"; }
  std::string operator()(const PickleGlobal& value) const { return value.name; }
  std::string operator()(const PickleCall& value) const {
    const auto* callable = pickle.get<PickleGlobal>(value.callable);
    return callable == nullptr ? "an object" : "an object of " + callable->name;
  }
  std::string operator()(const PicklePersistent& /*value*/) const { return "a storage"; }

  const Pickle& pickle;
};

}  // namespace

const PickleId* Pickle::find(const PickleDict& dict, std::string_view key) const {
  const auto found = std::find_if(dict.entries.rbegin(), dict.entries.rend(), [&](const auto& entry) {
    const auto* text = get<std::string>(entry.first);
    return text != nullptr && *text == key;
  });
  return found == dict.entries.rend() ? nullptr : &found->second;
}

std::string Pickle::kind(PickleId id) const { return std::visit(KindOf{*this}, values.at(id)); }

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
