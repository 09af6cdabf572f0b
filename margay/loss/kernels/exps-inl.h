// Exponentials of a block of logits, and their sums. Included once for each instruction set.
#if defined(MARGAY_LOSS_KERNELS_EXPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_LOSS_KERNELS_EXPS_INL_H_
#undef MARGAY_LOSS_KERNELS_EXPS_INL_H_
#else
#define MARGAY_LOSS_KERNELS_EXPS_INL_H_
#endif

#include <algorithm>
#include <limits>
#include <type_traits>

#include <hwy/cache_control.h>
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "margay/loss/kernels/block_kernel.h"
#include "margay/loss/kernels/load_store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace margay::loss::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// max(low, x) that keeps NaN: the processors' maximum gives its second argument then, or NaN.
template <class D>
HWY_INLINE hn::Vec<D> not_below(D /*d*/, hn::Vec<D> low, hn::Vec<D> x) {
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Lt(x, low), low, x);
#else
  return hn::Max(low, x);
#endif
}

/// exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| ≤ ln 2 / 2. ln 2 is subtracted in two parts, the first short
/// enough for n times it to be exact (Cody and Waite, "Software Manual for the Elementary Functions", 1980); exp(r) is
/// 1 + r + r² q(r), q the polynomial of degree 4 of least relative error (Remez), 3.1e-9. NaN stays NaN, which
/// Highway's own exponential would turn into 0.
template <class D>
requires std::is_same_v < hn::TFromD<D>,
float > HWY_INLINE hn::Vec<D> exp_of_nonpositive(D d, hn::Vec<D> x) {
  x = not_below(d, hn::Set(d, -104.0F), x);  // there exp rounds to 0; -inf would make r NaN
  const auto round =
      hn::Set(d, 12582912.0F + 127.0F);  // 1.5·2²³: adding it leaves n, and here n + 127, in the low bits
  const auto shifted = hn::MulAdd(x, hn::Set(d, 1.44269504F), round);
  const auto n = hn::Sub(shifted, round);
  auto r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  auto p = hn::MulAdd(r, hn::Set(d, 0.00138145402F), hn::Set(d, 0.00836874511F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.0416683908F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.166665204F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.499999934F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F));
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3  // the better a target, the smaller its number
  if constexpr (hn::MaxLanes(D()) == 16) return hn::Vec<D>{_mm512_scalef_ps(p.raw, n.raw)};  // one operation for four
#endif
  const hn::RebindToUnsigned<D> du;
  const auto power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, shifted)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.33F)), hn::Mul(p, power));
}

/// Highway's, and NaN for NaN.
template <class D>
requires std::is_same_v < hn::TFromD<D>,
double > HWY_INLINE hn::Vec<D> exp_of_nonpositive(D d, hn::Vec<D> x) {
  return hn::IfThenElse(hn::Eq(x, x), hn::Exp(d, x), x);
}

namespace hn = hwy::HWY_NAMESPACE;

/// What a block adds to distance. kNone also means temperature 1.
enum class Distance { kNone, kPlain, kWeighted };

/// How far ahead the logits of the next block are fetched while this one is computed.
constexpr std::size_t kPrefetchBytes = 16384;

/// The largest element, as a vector of it, not below the lowest finite number.
template <class Order, class T>
HWY_INLINE auto block_max(const T* z, std::size_t n) {
  const Tag<T> d;
  const std::size_t unit = Order::kVectors * hn::Lanes(d);
  const auto lowest = hn::Set(d, std::numeric_limits<Accumulator<T>>::lowest());
  Pair<hn::Vec<Tag<T>>> m0{lowest, lowest};  // four maxima, so that none waits for the one before it
  Pair<hn::Vec<Tag<T>>> m1{lowest, lowest};
  const auto take = [&](std::size_t at, Pair<hn::Vec<Tag<T>>>& m) {
    const auto v = Order::load(d, z + at);
    m.first = hn::Max(m.first, v.first);
    if constexpr (Order::kVectors == 2) m.second = hn::Max(m.second, v.second);
  };
  std::size_t i = 0;
  if constexpr (Order::kVectors == 2) {
    for (; i + 2 * unit <= n; i += 2 * unit) {
      take(i, m0);
      take(i + unit, m1);
    }
  } else {
    for (; i + 4 * unit <= n; i += 4 * unit) {
      m0.first = hn::Max(m0.first, Order::load(d, z + i).first);
      m0.second = hn::Max(m0.second, Order::load(d, z + i + unit).first);
      m1.first = hn::Max(m1.first, Order::load(d, z + i + 2 * unit).first);
      m1.second = hn::Max(m1.second, Order::load(d, z + i + 3 * unit).first);
    }
  }
  for (; i + unit <= n; i += unit) take(i, m0);
  if (i < n) take(n - unit, m1);
  return hn::MaxOfLanes(d, hn::Max(hn::Max(m0.first, m0.second), hn::Max(m1.first, m1.second)));
}

/// Exponentials and sums of one block.
template <Distance kDistance, class T>
class Exps {
 public:
  using A = Accumulator<T>;
  using D = Tag<T>;
  using V = hn::Vec<D>;

  HWY_INLINE Exps(V max, A inverse_temperature)
      : max_(max),
        scaled_max_(hn::Mul(max, hn::Set(D(), kUnit))),
        scale_(hn::Set(D(), inverse_temperature / kUnit)),
        exp_(hn::Zero(D())),
        distance_(hn::Zero(D())),
        weight_(hn::Zero(D())) {}

  /// Only lanes of the mask count.
  template <class Kept>
  HWY_INLINE void add(V z, const A* c, A* exps, const Kept& kept) {
    const D d;
    if constexpr (kDistance == Distance::kNone) {
      exp_ = hn::Add(exp_, kept(store_exp(hn::Sub(z, max_), exps)));
      return;
    }
    const V distance = hn::MulSub(z, hn::Set(d, kUnit), scaled_max_);
    exp_ = hn::Add(exp_, kept(store_exp(hn::Mul(distance, scale_), exps)));
    if constexpr (kDistance == Distance::kPlain) distance_ = hn::Add(distance_, kept(distance));
    if constexpr (kDistance == Distance::kWeighted) {
      const V weight = kept(hn::LoadU(d, c));
      weight_ = hn::Add(weight_, weight);
      distance_ = hn::Add(distance_, hn::IfThenZeroElse(hn::Eq(weight, hn::Zero(d)), hn::Mul(distance, weight)));
    }
  }

  static HWY_INLINE BlockSums<A> sums(const Exps& a, const Exps& b) {
    BlockSums<A> all{.max = hn::GetLane(a.max_), .exp = total(a.exp_, b.exp_), .distance = 0, .weight = 0};
    if constexpr (kDistance != Distance::kNone) all.distance = total(a.distance_, b.distance_);
    if constexpr (kDistance == Distance::kWeighted) all.weight = total(a.weight_, b.weight_);
    return all;
  }

 private:
  static constexpr A kUnit = static_cast<A>(kDistanceUnit);

  static HWY_INLINE V store_exp(V x, A* exps) {
    const D d;
    const V e = exp_of_nonpositive(d, x);
    hn::StoreU(e, d, exps);
    return e;
  }
  static HWY_INLINE A total(V a, V b) { return hn::GetLane(hn::SumOfLanes(D(), hn::Add(a, b))); }

  V max_;
  V scaled_max_;
  V scale_;
  V exp_;
  V distance_;
  V weight_;
};

/// The loop over a block of at least a unit (what Order loads at once). The last unit overlaps the one before it, but
/// its exponentials follow the others.
template <Distance kDistance, class Order, class T>
BlockSums<Accumulator<T>> exps_of_long_block(const T* z, std::size_t n, Accumulator<T> inverse_temperature,
                                             Accumulator<T>* exps, const Accumulator<T>* c, std::size_t valid) {
  using A = Accumulator<T>;
  const Tag<T> d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t unit = Order::kVectors * lanes;
  const auto c_at = [&](std::size_t i) { return kDistance == Distance::kWeighted ? c + i : c; };
  Exps<kDistance, T> a(block_max<Order>(z, n), inverse_temperature);
  Exps<kDistance, T> b = a;
  const auto all = [](auto x) { return x; };
  const auto add = [&](std::size_t i, Exps<kDistance, T>& first, Exps<kDistance, T>& second) {
    const auto v = Order::load(d, z + i);
    first.add(v.first, c_at(i), exps + i, all);
    if constexpr (Order::kVectors == 2) second.add(v.second, c_at(i + lanes), exps + i + lanes, all);
  };
  const auto add_last = [&](std::size_t i, A* to, const auto& masks) {
    const auto v = Order::load(d, z + i);
    a.add(v.first, c_at(i), to, [&](auto x) { return hn::IfThenElseZero(masks.first, x); });
    if constexpr (Order::kVectors == 2) {
      b.add(v.second, c_at(i + lanes), to + lanes, [&](auto x) { return hn::IfThenElseZero(masks.second, x); });
    }
  };
  std::size_t i = 0;
  for (; i + 2 * lanes <= n && valid == n; i += 2 * lanes) {
    hwy::Prefetch(reinterpret_cast<const char*>(z + i) + kPrefetchBytes);
    if constexpr (sizeof(T) >= sizeof(float)) {
      hwy::Prefetch(reinterpret_cast<const char*>(z + i + lanes) + kPrefetchBytes);
    }
    add(i, a, b);
    if constexpr (Order::kVectors == 1) add(i + lanes, b, a);
  }
  if (valid < n) {
    add_last(0, exps, Order::first(d, valid));
  } else {
    for (; i + unit <= n; i += unit) add(i, a, b);
    if (i < n) add_last(n - unit, exps + i, Order::all_but_first(d, i - (n - unit)));
  }
  return Exps<kDistance, T>::sums(a, b);
}

template <Distance kDistance, class Order, class T>
BlockSums<Accumulator<T>> exps_of_block(const T* z, std::size_t n, Accumulator<T> inverse_temperature,
                                        Accumulator<T>* exps, const Accumulator<T>* c = nullptr) {
  const std::size_t unit = Order::kVectors * hn::Lanes(Tag<T>());
  if (n >= unit) return exps_of_long_block<kDistance, Order>(z, n, inverse_temperature, exps, c, n);
  HWY_ALIGN T padded[kPadding];
  HWY_ALIGN Accumulator<T> padded_c[kPadding] = {};
  fill_with_impossible(padded, unit);
  std::copy_n(z, n, padded);
  if constexpr (kDistance == Distance::kWeighted) std::copy_n(c, n, padded_c);
  return exps_of_long_block<kDistance, Order>(padded, unit, inverse_temperature, exps, padded_c, n);
}

template <class T>
BlockSums<Accumulator<T>> exps(const T* z, std::size_t n, Accumulator<T>* e) {
  return exps_of_block<Distance::kNone, FastOrder<T>>(z, n, Accumulator<T>(1), e);
}

template <class T>
BlockSums<Accumulator<T>> exps_and_distance(const T* z, std::size_t n, Accumulator<T> inverse_temperature,
                                            Accumulator<T>* e) {
  return exps_of_block<Distance::kPlain, FastOrder<T>>(z, n, inverse_temperature, e);
}

template <class T>
BlockSums<Accumulator<T>> exps_and_weighted_distance(const T* z, std::size_t n, Accumulator<T> inverse_temperature,
                                                     Accumulator<T>* e, const Accumulator<T>* c) {
  return exps_of_block<Distance::kWeighted, SameOrder>(z, n, inverse_temperature, e, c);
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::loss::kernels
HWY_AFTER_NAMESPACE();

#endif
