#include "margay/loss/kernels/block_kernel.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <gtest/gtest.h>

#include "tests/support/simd_targets.h"
#include "tests/support/special_numbers.h"

namespace margay::loss::kernels {
namespace {

using testing_support::for_each_simd_target;

/// float16_t is a type of the compiler on some machines, a struct on others.
template <class To, class From>
To same_bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}
std::uint16_t bits_of(hwy::bfloat16_t value) { return same_bits<std::uint16_t>(value); }

hwy::bfloat16_t convert(float value, hwy::bfloat16_t /*to*/) {
  return same_bits<hwy::bfloat16_t>(c10::BFloat16(value));
}
hwy::float16_t convert(float value, hwy::float16_t /*to*/) { return same_bits<hwy::float16_t>(c10::Half(value)); }
float convert(float value, float /*to*/) { return value; }
double convert(float value, double /*to*/) { return value; }
float back(hwy::bfloat16_t value) { return same_bits<c10::BFloat16>(value); }
float back(hwy::float16_t value) { return same_bits<c10::Half>(value); }
float back(float value) { return value; }
double back(double value) { return value; }

/// Buffers for a block of n logits that begin `offset` elements behind an aligned address.
template <class T>
struct Block {
  using A = Accumulator<T>;
  Block(std::size_t size, std::size_t offset)
      : n(size), memory(size + offset), exps(size + kPadding), c(size, A(1)), out(size + offset + 1) {
    z = memory.data() + offset;
    gradient = out.data() + offset;
    out.back() = convert(77, T());  // nobody may write here
  }
  void set(std::size_t i, float value) { z[i] = convert(value, T()); }

  std::size_t n;
  std::vector<T> memory;
  std::vector<A> exps;
  std::vector<A> c;
  std::vector<T> out;
  T* z;
  T* gradient;
};

/// What the block should give, in long double from the very logits.
template <class T>
struct Expected {
  explicit Expected(const Block<T>& block, long double inverse_temperature = 1) {
    for (std::size_t i = 0; i < block.n; ++i) max = std::max(max, static_cast<long double>(back(block.z[i])));
    for (std::size_t i = 0; i < block.n; ++i) {
      const long double distance = static_cast<long double>(back(block.z[i])) - max;
      exps.push_back(std::exp(distance * inverse_temperature));
      sum += exps.back();
      distances += distance * static_cast<long double>(block.c[i]);
      weights += static_cast<long double>(block.c[i]);
    }
  }
  long double max = -std::numeric_limits<long double>::infinity();
  long double sum = 0;
  long double distances = 0;
  long double weights = 0;
  std::vector<long double> exps;
};

/// Sizes around the lengths of vectors, units and blocks.
const std::vector<std::size_t> kSizes{1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 37, 63, 64, 65, 100, 1000, 2047, 2048};

template <class T>
class BlockKernelOf : public testing::Test {
 protected:
  /// Calls work(block) for every size, several alignments, and every instruction set.
  template <class Work>
  static void for_each_block(const Work& work) {
    for_each_simd_target([&] {
      std::mt19937 rng(7);
      for (const std::size_t n : kSizes) {
        for (const std::size_t offset : {0, 1, 3}) {
          SCOPED_TRACE(testing::Message() << n << " elements at offset " << offset);
          Block<T> block(n, offset);
          for (std::size_t i = 0; i < n; ++i) block.set(i, std::normal_distribution<float>(2, 4)(rng));
          for (auto& each : block.c) each = static_cast<Accumulator<T>>(std::uniform_real_distribution<float>()(rng));
          work(block);
          EXPECT_EQ(back(block.out.back()), 77) << "written behind the end";
        }
      }
    });
  }
  static constexpr double kTolerance = std::is_same_v<T, double> ? 1e-14 : 4e-6;
};

using AllTypes = testing::Types<float, double, hwy::bfloat16_t, hwy::float16_t>;
TYPED_TEST_SUITE(BlockKernelOf, AllTypes);

TYPED_TEST(BlockKernelOf, SumsExponentialsAndFindsTheMaximum) {
  this->for_each_block([&](auto& block) {
    const Expected<TypeParam> expected(block);
    const auto sums = block_kernel<TypeParam>().exps(block.z, block.n, block.exps.data());
    EXPECT_EQ(sums.max, expected.max);
    EXPECT_NEAR(static_cast<double>(sums.exp / expected.sum), 1, this->kTolerance);
  });
}

TYPED_TEST(BlockKernelOf, SumsDistancesAtATemperature) {
  this->for_each_block([&](auto& block) {
    std::fill(block.c.begin(), block.c.end(), 1);
    const Expected<TypeParam> expected(block, 0.5);
    const auto sums = block_kernel<TypeParam>().exps_and_distance(block.z, block.n, 0.5, block.exps.data());
    EXPECT_NEAR(static_cast<double>(sums.exp / expected.sum), 1, this->kTolerance);
    EXPECT_NEAR(sums.distance / kDistanceUnit, static_cast<double>(expected.distances),
                this->kTolerance * (1 - static_cast<double>(expected.distances)));
  });
}

TYPED_TEST(BlockKernelOf, SumsWeightedDistances) {
  this->for_each_block([&](auto& block) {
    const Expected<TypeParam> expected(block);
    const auto sums =
        block_kernel<TypeParam>().exps_and_weighted_distance(block.z, block.n, 1, block.exps.data(), block.c.data());
    EXPECT_NEAR(static_cast<double>(sums.exp / expected.sum), 1, this->kTolerance);
    EXPECT_NEAR(sums.weight, static_cast<double>(expected.weights), this->kTolerance * (1 + sums.weight));
    EXPECT_NEAR(sums.distance / kDistanceUnit, static_cast<double>(expected.distances),
                this->kTolerance * (1 - static_cast<double>(expected.distances)));
  });
}

/// The value as T holds it, rounded once.
template <class T>
double rounded(long double value) {
  if constexpr (std::is_same_v<T, double>) return static_cast<double>(value);
  return static_cast<double>(back(convert(static_cast<float>(value), T())));
}

/// One rounding to T of what may differ by float's own error: the next number at most.
template <class T>
double allowed_kernel(long double value) {
  const double ulp = std::is_same_v<T, hwy::bfloat16_t> ? 0x1p-7 : (std::is_same_v<T, hwy::float16_t> ? 0x1p-10 : 0);
  const double smallest = std::is_same_v<T, hwy::float16_t> ? 0x1p-24 : 0;
  return std::abs(static_cast<double>(value)) * ulp + smallest + (std::is_same_v<T, double> ? 1e-14 : 1e-6);
}

TYPED_TEST(BlockKernelOf, WritesTheGradientOfEachElementInItsPlace) {
  this->for_each_block([&](auto& block) {
    const Expected<TypeParam> expected(block);
    const auto kernel = block_kernel<TypeParam>();
    for (const auto write : {kernel.gradient, kernel.stream_gradient}) {
      kernel.exps(block.z, block.n, block.exps.data());
      write(block.exps.data(), block.n, 3, 0.25, block.gradient);
      kernel.finish_streaming();
      for (std::size_t i = 0; i < block.n; ++i) {
        const long double value = 3 * expected.exps[i] - 0.25L;
        ASSERT_NEAR(back(block.gradient[i]), rounded<TypeParam>(value), allowed_kernel<TypeParam>(value))
            << "element " << i;
      }
    }
  });
}

TYPED_TEST(BlockKernelOf, WritesTheWeightedGradientOverTheLogits) {
  this->for_each_block([&](auto& block) {
    const Expected<TypeParam> expected(block);
    const auto kernel = block_kernel<TypeParam>();
    kernel.exps_and_weighted_distance(block.z, block.n, 1, block.exps.data(), block.c.data());
    kernel.weighted_gradient(block.exps.data(), block.n, 2, 0.5, block.c.data(), 4, block.z);
    for (std::size_t i = 0; i < block.n; ++i) {
      const long double value = 2 * expected.exps[i] - 0.5L - 4 * static_cast<long double>(block.c[i]);
      ASSERT_NEAR(back(block.z[i]), rounded<TypeParam>(value), allowed_kernel<TypeParam>(value)) << "element " << i;
    }
  });
}

TYPED_TEST(BlockKernelOf, NanAndInfinityMakeTheSumNanAndMinusInfinityCountsAsNothing) {
  for_each_simd_target([&] {
    const auto kernel = block_kernel<TypeParam>();
    for (const std::size_t n : kSizes) {
      for (const std::size_t at : {std::size_t{0}, n / 2, n - 1}) {
        Block<TypeParam> block(n, 0);
        for (const float bad :
             {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(), kFloatInfinity}) {
          block.set(at, bad);
          EXPECT_TRUE(std::isnan(kernel.exps(block.z, n, block.exps.data()).exp)) << bad << " at " << at << " of " << n;
        }
        block.set(at, -kFloatInfinity);
        EXPECT_NEAR(kernel.exps(block.z, n, block.exps.data()).exp, static_cast<double>(n) - 1, 1e-3);
      }
    }
  });
}

TEST(BlockKernel, AllMinusInfinityIsNoNumberButZero) {
  for_each_simd_target([] {
    Block<float> block(40, 0);
    for (std::size_t i = 0; i < 40; ++i) block.set(i, -kFloatInfinity);
    EXPECT_EQ(block_kernel<float>().exps(block.z, 40, block.exps.data()).exp, 0);
  });
}

TEST(BlockKernel, DistancesOfTheLargestFiniteNumbersDoNotOverflow) {
  for_each_simd_target([] {
    constexpr float kMax = std::numeric_limits<float>::max();
    Block<float> block(2048, 0);
    for (std::size_t i = 0; i < 2048; ++i) block.set(i, i == 9 ? kMax : -kMax);
    const auto sums = block_kernel<float>().exps_and_distance(block.z, 2048, 1, block.exps.data());
    EXPECT_EQ(sums.exp, 1);
    EXPECT_NEAR(sums.distance / kDistanceUnit / (-2.0 * kMax * 2047), 1, 1e-6);
  });
}

/// Units in the last place of float32 between what is and what should be.
double ulps(float actual, double expected) {
  const float nearest = static_cast<float>(expected);
  const double ulp = std::nextafter(nearest, kFloatInfinity) - static_cast<double>(nearest);
  return std::abs(actual - expected) / ulp;
}

TEST(BlockKernel, ExponentialStaysWithinItsErrorBound) {
  constexpr std::uint32_t kStep = 1009;  // a prime; every float would take a minute
  for_each_simd_target([] {
    const auto kernel = block_kernel<float>();
    constexpr std::size_t kChunk = 2047;
    Block<float> block(kChunk + 1, 0);
    double worst = 0;
    const std::uint32_t end = std::bit_cast<std::uint32_t>(-87.33F);
    for (std::uint32_t bits = std::bit_cast<std::uint32_t>(-0.0F); bits < end;) {
      block.set(0, 0);  // the maximum
      for (std::size_t i = 1; i <= kChunk; ++i, bits += kStep) block.set(i, std::bit_cast<float>(std::min(bits, end)));
      kernel.exps(block.z, kChunk + 1, block.exps.data());
      for (std::size_t i = 1; i <= kChunk; ++i) {
        worst = std::max(worst, ulps(block.exps[i], std::exp(static_cast<double>(block.z[i]))));
      }
    }
    EXPECT_LE(worst, kExpErrorUlp);
    EXPECT_GT(worst, 0.5) << "no implementation is that good; nothing was compared";
  });
}

TEST(BlockKernel, BFloat16RoundsToNearestAndTiesToEven) {
  for_each_simd_target([] {
    const auto kernel = block_kernel<hwy::bfloat16_t>();
    std::mt19937 rng(3);
    Block<hwy::bfloat16_t> block(64, 0);
    for (int repeat = 0; repeat < 200; ++repeat) {
      const std::uint32_t upper = (static_cast<std::uint32_t>(rng()) & 0x007F0000U) | 0x3F800000U;
      const std::uint32_t lower =
          repeat % 2 == 0 ? 0x8000U : static_cast<std::uint32_t>(rng()) & 0xFFFFU;  // half: ties
      const auto factor = std::bit_cast<float>(upper | lower);
      std::fill(block.memory.begin(), block.memory.end(), convert(0, hwy::bfloat16_t()));
      kernel.exps(block.z, block.n, block.exps.data());  // all 1
      kernel.gradient(block.exps.data(), block.n, factor, 0, block.gradient);
      for (std::size_t i = 0; i < block.n; ++i) ASSERT_EQ(bits_of(block.gradient[i]), c10::BFloat16(factor).x);
    }
  });
}

}  // namespace
}  // namespace margay::loss::kernels
