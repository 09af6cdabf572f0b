#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace margay::core {

/// A counter-based random generator. Its whole stream is a function of its key, so the numbers for (seed, epoch, item)
/// are the same in any thread, in any order, and after a resume.
/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014) over a key hashed
/// from all its parts.
class Random {
 public:
  Random(std::initializer_list<std::uint64_t> key);

  /// Uniform over all 64-bit values.
  std::uint64_t next();
  /// Uniform in [0, 1), with 53 random bits.
  double uniform();
  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in 0 … bound-1, without modulo bias. bound must be positive.
  std::uint64_t below(std::uint64_t bound);
  /// True with probability p.
  bool chance(double p) { return uniform() < p; }

 private:
  std::uint64_t state_;
};

/// 0 … n-1 in an order drawn from `random` (Fisher-Yates).
std::vector<std::size_t> permutation(std::size_t n, Random random);

/// 0 … n-1 in the order of torch.manual_seed(seed); torch.randperm(n) on a CPU, so that a random
/// split is the one fastai's RandomSplitter makes. n below 2^32 / 20.
std::vector<std::size_t> torch_permutation(std::size_t n, std::uint64_t seed);

}  // namespace margay::core
