#include "margay/core/random.h"

#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>

namespace margay::core {
namespace {

constexpr std::uint64_t kGoldenGamma = 0x9E3779B97F4A7C15ULL;

std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

std::vector<std::size_t> identity(std::size_t n) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

}  // namespace

Random::Random(std::initializer_list<std::uint64_t> key) : state_(0) {
  for (const std::uint64_t part : key) state_ = mix(state_ + kGoldenGamma + mix(part + kGoldenGamma));
}

std::uint64_t Random::next() {
  state_ += kGoldenGamma;
  return mix(state_);
}

double Random::uniform() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

std::uint64_t Random::below(std::uint64_t bound) {
  if (bound == 0) throw std::invalid_argument("[Random::below] bound must be positive, got 0");
  const std::uint64_t threshold = (0 - bound) % bound;  // values under it would favour small results
  for (;;) {
    const std::uint64_t value = next();
    if (value >= threshold) return value % bound;
  }
}

std::vector<std::size_t> permutation(std::size_t n, Random random) {
  std::vector<std::size_t> order = identity(n);
  for (std::size_t left = n; left > 1; --left) std::swap(order[left - 1], order[random.below(left)]);
  return order;
}

std::vector<std::size_t> torch_permutation(std::size_t n, std::uint64_t seed) {
  std::vector<std::size_t> order = identity(n);
  std::mt19937 generator(static_cast<std::uint32_t>(seed));  // torch seeds its MT19937 with the low 32 bits
  for (std::size_t i = 0; i + 1 < n; ++i) std::swap(order[i], order[i + generator() % (n - i)]);
  return order;
}

}  // namespace margay::core
