#include "margay/model/architecture/architectures.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/options.h"
#include "margay/core/text.h"

namespace margay::model {
namespace {

/// Dots are all that names have of what means something in a pattern.
std::string quoted(const std::string& name) {
  std::string pattern;
  for (const char each : name) pattern += each == '.' ? std::string("\\.") : std::string(1, each);
  return pattern;
}

}  // namespace

void append_rules(std::vector<NameRule>& rules, const RenamedModules& renamed) {
  const auto groups = std::count(renamed.timm.begin(), renamed.timm.end(), '(');
  for (const auto& [timm, ours] : renamed.modules) {
    rules.push_back({.pattern = fmt::format(R"({}{}\.(.+))", renamed.timm, quoted(timm)),
                     .replacement = fmt::format(R"({}{}.\{})", renamed.ours, ours, groups + 1)});
  }
}

void check_arithmetic(const Architecture& architecture, Arithmetic arithmetic) {
  const std::vector<Arithmetic>& known = architecture.arithmetics;
  if (arithmetic == Arithmetic::kUsual || std::find(known.begin(), known.end(), arithmetic) != known.end()) return;
  std::string names = core::to_text(Arithmetic::kUsual);
  for (const Arithmetic each : known) names += fmt::format(", {}", core::to_text(each));
  throw std::invalid_argument(fmt::format("[classifier] `arithmetic` {} is not known of {}, which has: {}",
                                          core::to_text(arithmetic), architecture.name, names));
}

namespace {

std::vector<Architecture> make_table() {
  std::vector<Architecture> table;
  for (const auto& family : {resnets, resnexts, wide_resnets, resnet_ds, vggs, densenets, squeezenets, mobilenets,
                             efficientnets, convnexts, vits, swins, flat_nets}) {
    for (Architecture& each : family()) table.push_back(std::move(each));
  }
  return table;
}

}  // namespace

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> table = make_table();
  return table;
}

const Architecture& find_architecture(std::string_view name) {
  std::vector<std::string> known;
  for (const Architecture& each : architectures()) {
    if (each.name == name) return each;
    known.push_back(each.name);
  }
  throw std::invalid_argument(fmt::format("[find_architecture] no architecture '{}'{} `architectures` lists them.",
                                          name, core::did_you_mean(name, known)));
}

}  // namespace margay::model
