#include "margay/model/weights/pickle/pickle_value.h"

#include <algorithm>

namespace margay::model {
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

}  // namespace margay::model
