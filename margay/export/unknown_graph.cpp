#include "margay/export/unknown_graph.h"

#include <limits>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/weights/weights_file.h"

namespace margay::exporting {
namespace {

constexpr float kInfinite = std::numeric_limits<float>::infinity();
constexpr std::int64_t kRow = 1;  ///< the dimension along which an image's numbers lie

/// The formulas of predict/unknown_score.h and unknown_detector.h, in float.
class UnknownWriter {
 public:
  UnknownWriter(OnnxBuilder& onnx, const predict::UnknownDetector& detector, const UnknownInputs& inputs)
      : onnx_(onnx),
        detector_(detector),
        logits_(inputs.logits),
        features_(inputs.features),
        classes_(inputs.num_classes) {}

  UnknownValues write() {
    const std::string single = score();
    const std::string known = detector_.guarantee() == predict::RefusalGuarantee::kSplit      ? split_p(single)
                              : detector_.guarantee() == predict::RefusalGuarantee::kPerClass ? per_class_p()
                                                                                              : left_out_p();
    return {single, known};
  }

 private:
  const predict::UnknownScorer& scorer() const { return detector_.scorer(); }

  std::string add(const char* op, OnnxBuilder::Names inputs, const char* name,
                  OnnxBuilder::Attributes attributes = {}) {
    return onnx_.add(op, std::move(inputs), fmt::format("unknown/{}", name), std::move(attributes));
  }
  std::string tensor(const char* name, const torch::Tensor& values) {
    return onnx_.weight(fmt::format("unknown/{}", name), values.to(torch::kFloat));
  }
  std::string sum(const std::string& x, const char* name) {  // whose dimensions are an input since opset 13
    return add("ReduceSum", {x, onnx_.integers({kRow})}, name, {{"keepdims", std::int64_t{1}}});
  }

  // What OpenCV reads, too: up to 4.11 it passes over dimensions that are an input, has no Max of a value and a
  // constant, and compares values of one shape only.

  /// [N,columns] -> [N,results], each the sum of the row.
  std::string sums(const std::string& x, std::int64_t columns, std::int64_t results, const char* name) {
    const std::string ones = fmt::format("unknown/ones_{}_{}", columns, results);
    return add("MatMul", {x, onnx_.weight(ones, torch::ones({columns, results}))}, name);
  }
  /// [N,K] -> [N,1]
  std::string largest(const std::string& x, const char* name) {
    const std::string map = add("Reshape", {x, onnx_.integers({0, 1, -1, 1})}, name);
    return add("Reshape", {add("GlobalMaxPool", {map}, name), onnx_.integers({-1, 1})}, name);
  }
  /// [N,1] -> [N]
  std::string flat(const std::string& x, const char* name) { return add("Reshape", {x, onnx_.integers({-1})}, name); }
  /// [N,1] -> [N,columns]
  std::string spread(const std::string& x, std::int64_t columns, const char* name) {
    return add("Expand", {x, onnx_.integers({1, columns})}, name);
  }
  std::string square(const std::string& x) { return add("Mul", {x, x}, "square"); }
  std::string as_float(const std::string& x) {
    return add("Cast", {x}, "share", {{"to", std::int64_t{static_cast<int>(OnnxType::kFloat)}}});
  }
  std::string row(const std::string& x, const char* name) {  // [N,1] -> [N]
    return add("Squeeze", {x, onnx_.integers({kRow})}, name);
  }

  /// float [N].
  std::string score() {
    switch (scorer().score) {
      case predict::UnknownScore::kMaxLogit:
        return flat(add("Neg", {largest(logits_, "max_logit")}, "column"), "score");
      case predict::UnknownScore::kEnergy:
        return energy("score");
      case predict::UnknownScore::kMahalanobis:
        return flat(add("Neg", {largest(add("Neg", {class_distances()}, "nearness"), "nearest_class")}, "column"),
                    "score");
      case predict::UnknownScore::kNearest:
        break;
    }
    return row(onnx_.slice(nearest(scorer().known->k).distances, kRow, scorer().known->k - 1, scorer().known->k,
                           "unknown/kth"),
               "score");
  }

  /// float [N].
  std::string energy(const char* name) {
    const std::string sum_of_classes = scorer().activation == metric::Activation::kSoftmax
                                           ? log_sum()
                                           : sums(add("Softplus", {logits_}, "softplus"), classes_, 1, "softplus_sum");
    return flat(add("Neg", {sum_of_classes}, "energy"), name);
  }

  /// log Σ_k exp z_k = max z + log Σ_k exp(z_k - max z): float [N,1].
  std::string log_sum() {
    const std::string most = largest(logits_, "max_logit");
    const std::string rest = add("Sub", {logits_, spread(most, classes_, "max_logits")}, "below_max");
    const std::string total = sums(add("Exp", {rest}, "exp"), classes_, 1, "exp_sum");
    return add("Add", {add("Log", {total}, "log"), most}, "log_sum");
  }

  std::int64_t num_features() const {
    return scorer().mahalanobis ? scorer().mahalanobis->directions.size(1) : scorer().known.value().rows.size(1);
  }

  /// Rows of length 1; a row of zeros stays one.
  std::string unit_features() {
    if (!unit_.empty()) return unit_;
    const std::string length = add("Sqrt", {sums(square(features_), num_features(), 1, "squares")}, "length");
    constexpr float kLeast = std::numeric_limits<float>::min();  // lost in any length that is not zero
    const std::string divisor = add("Add", {length, onnx_.number(kLeast)}, "divisor");
    return unit_ = add("Div", {features_, spread(divisor, num_features(), "divisors")}, "unit");
  }

  /// Relative Mahalanobis distances float [N,K].
  std::string class_distances() {
    if (!distances_.empty()) return distances_;
    const predict::MahalanobisDistances& known = scorer().mahalanobis.value();
    const torch::Tensor projection = (known.directions * known.scales.unsqueeze(1)).t();  // [D,R]
    const std::string projected = add("MatMul", {unit_features(), tensor("projection", projection)}, "projected");
    const std::string y = add("Sub", {projected, tensor("centre", known.centre)}, "places");
    const torch::Tensor none = known.class_places.isnan().any(1);
    const torch::Tensor classes = known.class_places.to(torch::kDouble).nan_to_num();
    const torch::Tensor lengths = classes.pow(2).sum(1).masked_fill(none, kInfinite);
    // Σ (y - c)² - y² / (1 + λ) = Σ y² λ / (1 + λ) - 2 y·c + c²
    const std::string squares =
        add("Mul", {square(y), tensor("shares", known.between / (1 + known.between))}, "own_squares");
    const std::string own = sums(squares, classes.size(1), classes.size(0), "own");
    const std::string product = add("MatMul", {y, tensor("classes", -2 * classes.t())}, "products");
    return distances_ = add("Add", {add("Add", {product, own}, "sums"), tensor("lengths", lengths)}, "distances");
  }

  struct Nearest {
    std::string distances;  ///< float [N,k], ascending
    std::string rows;       ///< int64 [N,k]
  };

  std::string cosines() {
    if (cosines_.empty()) {
      cosines_ = add("MatMul", {unit_features(), tensor("rows", scorer().known->rows.t())}, "cosines");
    }
    return cosines_;
  }

  /// sqrt(2 - 2 cos) of rows of length 1.
  std::string distance_of(const std::string& cosine) {
    const std::string rest = add("Sub", {onnx_.number(2), add("Mul", {cosine, onnx_.number(2)}, "twice")}, "rest");
    return add("Sqrt", {add("Max", {rest, onnx_.number(0)}, "squared")}, "distance");
  }

  Nearest nearest(std::int64_t count) { return nearest_of(cosines(), count); }

  Nearest nearest_of(const std::string& cosine, std::int64_t count) {
    const std::string best = onnx_.add("TopK", {cosine, onnx_.integers({count})}, "unknown/nearest");
    const std::string rows = best + "_rows";
    onnx_.model().nodes.back().outputs.push_back(rows);
    return {distance_of(best), rows};
  }

  /// How little an image looks like each class: float [N,K].
  std::string class_scores() {
    switch (scorer().score) {
      case predict::UnknownScore::kMaxLogit:
        return add("Neg", {logits_}, "class_scores");
      case predict::UnknownScore::kEnergy:
        return add("Unsqueeze", {energy("class_energy"), onnx_.integers({kRow})}, "class_scores");
      case predict::UnknownScore::kMahalanobis:
        return class_distances();
      case predict::UnknownScore::kNearest:
        break;
    }
    return class_neighbours();
  }

  /// The distance to the k-th nearest row of each class; of fewer rows to the farthest.
  std::string class_neighbours() {
    const predict::KnownRows& known = scorer().known.value();
    OnnxBuilder::Names columns;
    for (std::int64_t c = 0; c < known.members.size(1); ++c) {
      const torch::Tensor own = known.members.select(1, c).nonzero().squeeze(1);
      columns.push_back(own.size(0) == 0 ? never_near() : kth_of(own, std::min(known.k, own.size(0)), c));
    }
    return add("Concat", columns, "class_scores", {{"axis", kRow}});
  }

  std::string kth_of(const torch::Tensor& members, std::int64_t k, std::int64_t of_class) {
    const std::string places = onnx_.weight(fmt::format("unknown/members_{}", of_class), members);
    const std::string cosine = add("Gather", {cosines(), places}, "class_cosines", {{"axis", kRow}});
    return onnx_.slice(nearest_of(cosine, k).distances, kRow, k - 1, k, "unknown/class_distance");
  }

  /// float [N,1] of infinity.
  std::string never_near() {
    const std::string first = onnx_.slice(cosines(), kRow, 0, 1, "unknown/first");
    return add("Add", {add("Abs", {first}, "size"), onnx_.number(kInfinite)}, "never");
  }

  /// (1 + how many known scores are as high) / (n + 1). scores: float [N,1] or [N,K]; known: one row a column.
  std::string p_values(const std::string& scores, const std::vector<predict::KnownScores>& known) {
    std::int64_t most = 1;
    for (const predict::KnownScores& each : known) most = std::max(most, each.size());
    const auto rows = static_cast<std::int64_t>(known.size());
    torch::Tensor all = torch::full({1, rows, most}, -kInfinite);
    torch::Tensor counts = torch::empty({1, rows, 1});
    for (std::int64_t i = 0; i < rows; ++i) {
      const torch::Tensor& sorted = known[static_cast<std::size_t>(i)].sorted();
      all[0][i].slice(0, 0, sorted.size(0)).copy_(sorted);
      counts[0][i] = static_cast<double>(sorted.size(0) + 1);
    }
    constexpr std::int64_t kLast = 2;
    const std::string each = add("Unsqueeze", {scores, onnx_.integers({kLast})}, "score_columns");
    const std::string as_high = as_float(add("GreaterOrEqual", {tensor("known_scores", all), each}, "as_high"));
    const std::string count =
        add("ReduceSum", {as_high, onnx_.integers({kLast})}, "count", {{"keepdims", std::int64_t{1}}});
    const std::string p =
        add("Div", {add("Add", {count, onnx_.number(1)}, "counted"), tensor("known_counts", counts)}, "class_p");
    return onnx_.reduce("ReduceMax", p, {kRow, kLast}, "unknown/p_known");
  }

  /// Of one list of known scores, whose score is the same for all classes.
  std::string split_p(const std::string& single) {
    const torch::Tensor& known = detector_.calibration().front().sorted();
    const std::int64_t count = known.size(0);
    if (count == 0)
      return p_values(add("Unsqueeze", {single, onnx_.integers({kRow})}, "column"), detector_.calibration());
    const std::string column = add("Reshape", {single, onnx_.integers({-1, 1})}, "column");
    const std::string scores = spread(column, count, "score_columns");
    const std::string all = tensor("known_scores", known);
    const std::string above = as_float(add("Less", {scores, all}, "below"));  // what is no number is below none
    const std::string equal = as_float(add("Equal", {scores, all}, "equal"));
    const std::string as_high = sums(add("Add", {above, equal}, "as_high"), count, 1, "count");
    const std::string counted = add("Add", {as_high, onnx_.number(1)}, "counted");
    return flat(add("Div", {counted, onnx_.number(static_cast<float>(count + 1))}, "p"), "p_known");
  }

  std::string per_class_p() { return p_values(class_scores(), detector_.calibration()); }

  /// Every known row is compared with the score that the image has without it (jackknife+).
  std::string left_out_p() {
    const std::int64_t k = scorer().known->k;
    const torch::Tensor row_scores = detector_.tensors().at(std::string(model::kNoWeights) + "unknown.scores");
    const Nearest found = nearest(k + 1);
    const std::string usual = onnx_.slice(found.distances, kRow, k - 1, k, "unknown/usual");
    const std::string without = onnx_.slice(found.distances, kRow, k, k + 1, "unknown/without");
    const std::string near_rows = onnx_.slice(found.rows, kRow, 0, k, "unknown/near_rows");
    const std::string all = tensor("row_scores", row_scores);
    const std::string own = add("Gather", {all, near_rows}, "own", {{"axis", std::int64_t{0}}});
    const std::string counted = add("GreaterOrEqual", {own, usual}, "own_counted");
    const std::string moved = add("Less", {own, without}, "own_moved");
    const std::string gone = sum(as_float(add("And", {counted, moved}, "own_gone")), "gone");
    const std::string as_high = sum(as_float(add("GreaterOrEqual", {all, usual}, "as_high")), "count");
    const std::string rest = add("Sub", {as_high, gone}, "left");
    const auto rows = static_cast<float>(row_scores.size(0) + 1);
    const std::string p = add("Div", {add("Add", {rest, onnx_.number(1)}, "counted"), onnx_.number(rows)}, "p");
    return row(p, "p_known");
  }

  OnnxBuilder& onnx_;
  const predict::UnknownDetector& detector_;
  std::string logits_;
  std::string features_;
  std::int64_t classes_;
  std::string unit_;
  std::string cosines_;
  std::string distances_;
};

}  // namespace

UnknownValues add_unknown(OnnxBuilder& onnx, const predict::UnknownDetector& detector, const UnknownInputs& inputs) {
  return UnknownWriter(onnx, detector, inputs).write();
}

}  // namespace margay::exporting
