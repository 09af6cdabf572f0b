#include "margay/model/architecture/timm_names.h"

#include <algorithm>

#include <fmt/format.h>

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

}  // namespace margay::model
