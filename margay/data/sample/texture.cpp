#include "margay/data/sample/texture.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace margay::data::sample {
namespace {

double fraction(double value) { return value - std::floor(value); }

/// 1 in the first half of each unit, else 0.
double square_wave(double value) { return fraction(value) < 0.5 ? 1 : 0; }

}  // namespace

Texture stripes(double period, double angle, double phase) {
  const Point across = polar(1 / period, angle);
  return [=](Point p) { return square_wave(p.dot(across) + phase); };
}

Texture ribs(double period, double bow, double phase) {
  return [=](Point p) { return square_wave((p.x + bow * p.y * p.y) / period + phase); };
}

Texture dots(double pitch, double radius) {
  return [=](Point p) {
    const double row = std::floor(p.y / pitch);
    const double shift = std::fmod(std::abs(row), 2) * 0.5;
    const Point in_cell{fraction(p.x / pitch + shift) - 0.5, fraction(p.y / pitch) - 0.5};
    return pitch * cv::norm(in_cell) < radius ? 1.0 : 0.0;
  };
}

Texture checks(double size, double angle) {
  const Texture columns = stripes(2 * size, angle);
  const Texture rows = stripes(2 * size, angle + kTurn / 4);
  return [=](Point p) { return columns(p) == rows(p) ? 1.0 : 0.0; };
}

Texture sectors(int count, double offset) {
  return [=](Point p) { return square_wave(count * (std::atan2(p.y, p.x) - offset) / kTurn); };
}

Texture spots(std::vector<Point> centres, double radius) {
  return [centres = std::move(centres), radius](Point p) {
    const auto covers = [&](Point centre) { return cv::norm(p - centre) < radius; };
    return std::any_of(centres.begin(), centres.end(), covers) ? 1.0 : 0.0;
  };
}

Texture meridians(double count, double phase) {
  return [=](Point p) {
    const double half_width = std::sqrt(std::max(1 - p.y * p.y, 0.04));
    const double longitude = std::asin(std::clamp(p.x / half_width, -1.0, 1.0));
    return square_wave(count * longitude / (kTurn / 2) + phase);
  };
}

Texture whorl_bands(double growth, double per_turn) {
  return [=](Point p) {
    const double angle = std::atan2(p.y, p.x);
    const double turns_out = std::log(std::max(cv::norm(p), 1e-3)) / (growth * kTurn) - angle / kTurn;
    const double within_whorl = fraction(turns_out);  // 0 at the inner wall, 1 at the outer one
    const double bow = 0.5 * within_whorl * (1 - within_whorl);
    return square_wave(per_turn * (angle / kTurn + bow));
  };
}

}  // namespace margay::data::sample
