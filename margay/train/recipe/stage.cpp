#include "margay/train/recipe/stage.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

namespace margay::train {
namespace {

constexpr std::int64_t kMostEpochs = 1'000'000;

std::string name_of(const Stage& stage) {
  if (!stage.freeze_to) return core::to_text(stage.schedule.kind);
  const int group = *stage.freeze_to;
  if (group == 0) return "unfrozen";
  if (group == -1) return "frozen";
  return group > 0 ? fmt::format("from group {}", group) : fmt::format("last {} groups", -std::int64_t{group});
}

void check_name(const std::string& name) {
  const bool is_line = std::none_of(name.begin(), name.end(), [](char c) {
    const bool is_control = static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    return is_control || std::string_view(":;#,\"").find(c) != std::string_view::npos;
  });
  if (is_line && !name.starts_with(' ') && !name.ends_with(' ')) return;
  throw std::invalid_argument(
      fmt::format("[stage] a name is one line without any of :;#,\" or blanks at its ends, got '{}'", name));
}

}  // namespace

Stage resolve(Stage stage) {
  check_name(stage.name);
  if (stage.epochs < 1 || stage.epochs > kMostEpochs) {
    throw std::invalid_argument(fmt::format("[stage] epochs must lie in [1, {}], got {}", kMostEpochs, stage.epochs));
  }
  if (stage.size && *stage.size < 1) {
    throw std::invalid_argument(fmt::format("[stage] size must be positive, got {}", *stage.size));
  }
  check_schedule(stage.schedule, stage.epochs);
  if (stage.name.empty()) stage.name = name_of(stage);
  return stage;
}

std::optional<int> first_trained_group(const Stage& stage, std::size_t groups) {
  if (!stage.freeze_to) return std::nullopt;
  const auto count = static_cast<std::int64_t>(groups);
  const std::int64_t group = *stage.freeze_to < 0 ? count + *stage.freeze_to : *stage.freeze_to;
  if (group >= 0 && group < count) return static_cast<int>(group);
  throw std::invalid_argument(fmt::format("[stage] freeze_to must lie in [{}, {}] for {} groups, got {}", -count,
                                          count - 1, count, *stage.freeze_to));
}

HyperSchedule hyper_schedule(const Stage& stage, std::size_t groups) {
  resolve(stage);
  return hyper_schedule(stage.schedule, stage.lr.for_groups(groups), stage.epochs);
}

}  // namespace margay::train
