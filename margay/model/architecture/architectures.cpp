#include "margay/model/architecture/architectures.h"

#include <algorithm>
#include <map>
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
  for (const auto& family :
       {resnets, resnexts, wide_resnets, resnet_ds, vggs, densenets, squeezenets, mobilenets, efficientnets,
        efficientnet_v2s, mobilenet_v4s, repvits, regnets, convnexts, convnext_v2s, vits, swins, flat_nets}) {
    for (Architecture& each : family()) table.push_back(std::move(each));
  }
  return table;
}

}  // namespace

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> table = make_table();
  return table;
}

namespace {

Architecture with_set(Architecture architecture, const WeightSet& set) {
  architecture.input_px = set.input_px;
  architecture.mean = set.mean;
  architecture.std = set.std;
  architecture.resize = set.resize;
  if (set.crop_share > 0) architecture.crop_share = set.crop_share;
  architecture.top1 = set.top1;
  architecture.weights_name = fmt::format("{} {}", set.publisher, set.name);
  architecture.weights_url = set.url;
  architecture.weight_set = &set;
  return architecture;
}

/// One for every set, by the set's name. They are all made at once, so that they can be read by several threads.
const std::map<std::string, Architecture>& architectures_with_sets() {
  static const std::map<std::string, Architecture> all = [] {
    std::map<std::string, Architecture> made;
    for (const WeightSet& set : weight_sets()) made.emplace(set.name, with_set(find_architecture(set.network), set));
    return made;
  }();
  return all;
}

}  // namespace

const Architecture& find_architecture(std::string_view name) {
  if (names_weight_set(name)) return architectures_with_sets().at(find_weight_set(name).name);
  std::vector<std::string> known;
  for (const Architecture& each : architectures()) {
    if (each.name == name) return each;
    known.push_back(each.name);
  }
  throw std::invalid_argument(core::followed_by(
      fmt::format("[find_architecture] no architecture '{}'{}", name, core::did_you_mean(name, known)),
      "`architectures` lists them"));
}

}  // namespace margay::model
