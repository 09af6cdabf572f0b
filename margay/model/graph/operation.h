#pragma once

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

/// The operations of a graph (graph.h): about as many as the networks need, each with what PyTorch calls its arguments.
/// x, a and b are the inputs in their order; H and W are the last two dimensions of x. Parameters are inputs as well,
/// behind x.
namespace margay::model::op {

/// x [N,C,H,W], weight [C',C/groups,kh,kw] and, if there is one, bias [C'] -> [N,C',H',W'] with
/// H' = (H + 2 padding - dilation (kh - 1) - 1) / stride + 1, rounded down.
struct Convolution {
  std::array<std::int64_t, 2> kernel{1, 1};  ///< height, width; so are the others
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> padding{0, 0};  ///< zeros, as many before as behind
  std::array<std::int64_t, 2> dilation{1, 1};
  std::int64_t groups = 1;
};

/// x [N,C] or [N,C,H,W], weight [C], bias [C], mean [C], variance [C] (those that were kept in training) -> as x:
/// (x - mean) / sqrt(variance + eps) · weight + bias. Without mean and variance, which no network of the table lacks,
/// they are the batch's.
struct BatchNorm {
  double eps = 1e-5;
};

/// x […,D], weight [K,D] and, if there is one, bias [K] -> […,K]: x · weightᵀ + bias.
struct Linear {};

/// x […,D], weight [D], bias [D] -> as x: normalised over the last dimension, (x - mean) / sqrt(variance + eps) ·
/// weight
/// + bias, with the variance of the population (divided by D).
struct LayerNorm {
  double eps = 1e-5;
};

/// x [N,H,W,C], weight [C], bias [C] -> as x: weight · x n + bias + x, with n [N,1,1,C] = g / (mean of g over C + eps)
/// and g = the root of the sum of x² over H and W.
struct ResponseNorm {
  double eps = 1e-6;
};

/// x -> as x, each number by itself.
struct Activation {
  enum class Function {
    kRelu,         ///< max(x, 0)
    kRelu6,        ///< min(max(x, 0), 6)
    kGelu,         ///< x Φ(x) = x (1 + erf(x / √2)) / 2
    kGeluTanh,     ///< x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
    kSilu,         ///< x σ(x)
    kHardswish,    ///< x · min(max(x + 3, 0), 6) / 6
    kHardsigmoid,  ///< min(max(x + 3, 0), 6) / 6
    kSigmoid,      ///< σ(x) = 1 / (1 + e^-x)
  };
  Function function = Function::kRelu;
};

/// x [N,C,H,W] -> [N,C,H',W'], H' = (H + 2 padding - kernel) / stride + 1. What is rounded up is cut so that the last
/// window begins within the image or the padding before it, as PyTorch does.
struct Pool {
  enum class Of {
    kMaximum,
    kMean,             ///< of what the window covers of the image
    kMeanWithPadding,  ///< padding counts as zeros (count_include_pad); what the rounding adds does not
  };
  Of of = Of::kMaximum;
  std::array<std::int64_t, 2> kernel{1, 1};
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> padding{0, 0};
  bool rounds_up = false;  ///< ceil_mode
};

/// x [N,C,H,W] -> [N,C,side,side]. Result i is of the rows floor(i H / side) … ceil((i + 1) H / side) - 1, and so with
/// columns. side = 1: of all places.
struct AdaptivePool {
  Pool::Of of = Pool::Of::kMean;  ///< kMean or kMaximum
  std::int64_t side = 1;
};

/// x -> x without the dimension: its mean along it.
struct Mean {
  std::int64_t dimension = 0;  ///< from 0, so are those below
};

/// a + b and a · b. Sizes of 1 and missing first dimensions are repeated, as NumPy does (broadcasting).
struct Add {};
struct Multiply {};

/// a […,L,E], b […,E,S] -> […,L,S]; the other dimensions are repeated as in a sum.
struct MatrixProduct {};

/// exp(x) / Σ exp(x) along the dimension.
struct Softmax {
  std::int64_t dimension = 0;
};

/// Any number of inputs, one behind the other along the dimension.
struct Concat {
  std::int64_t dimension = 0;
};

/// The places [start, start + length) along the dimension, which stays.
struct Slice {
  std::int64_t dimension = 0;
  std::int64_t start = 0;
  std::int64_t length = 1;
};

/// The same numbers in row-major order; sizes: of the result, in which kAnySize is the batch.
struct Reshape {
  std::vector<std::int64_t> sizes;
};

/// Dimension i of the result is dimension order[i] of x (permute).
struct Transpose {
  std::vector<std::int64_t> order;
};

/// Zeros before and behind, for every dimension of x. None is negative.
struct Pad {
  std::vector<std::int64_t> before;
  std::vector<std::int64_t> behind;
};

/// result[(i + shift) mod size] = x[i] along each of the dimensions.
struct Roll {
  std::vector<std::int64_t> dimensions;
  std::vector<std::int64_t> shifts;  ///< one a dimension; they may be negative
};

/// table [R,…], rows: whole numbers [n] -> [n,…]: those rows of the table.
struct TakeRows {};

/// x [1,…], images [N,…] -> [N,…] as x: the same for every image.
struct RepeatForBatch {};

/// Only in training; otherwise the result is x. In training each number is 0 with this probability.
struct Dropout {
  double probability = 0;
};

/// Only in training; otherwise the result is x. In training all numbers of an image are 0 with this probability.
struct StochasticDepth {
  double probability = 0;
};

using Operation = std::variant<Convolution, BatchNorm, Linear, LayerNorm, ResponseNorm, Activation, Pool, AdaptivePool,
                               Mean, Add, Multiply, MatrixProduct, Softmax, Concat, Slice, Reshape, Transpose, Pad,
                               Roll, TakeRows, RepeatForBatch, Dropout, StochasticDepth>;

}  // namespace margay::model::op
