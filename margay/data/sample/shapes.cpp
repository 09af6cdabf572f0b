#include "margay/data/sample/shapes.h"

#include <array>

namespace margay::data::sample {

std::span<const Kind> kinds() {
  static const std::array<Kind, 10> kAll{{
      {"balloon", draw_balloon, 0.4},
      {"butterfly", draw_butterfly, 0.8},
      {"cup", draw_cup, 0.4},
      {"fish", draw_fish, 0.6},
      {"flower", draw_flower, kTurn / 2},
      {"gear", draw_gear, kTurn / 2},
      {"ladybird", draw_ladybird, 0.8},
      {"leaf", draw_leaf, 0.9},
      {"shell", draw_shell, 0.8},
      {"star", draw_star, kTurn / 2},
  }};
  return kAll;
}

}  // namespace margay::data::sample
