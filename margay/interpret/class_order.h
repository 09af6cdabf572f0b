#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "margay/data/dataset.h"
#include "margay/interpret/confusion_matrix.h"

namespace margay::interpret {

/// The order of classes in tables and drawings: classes that are confused beside each other; names as people sort them;
/// the most images first; the vocabulary's own.
enum class ClassOrder { kCluster, kName, kSize, kVocab };

constexpr auto names(ClassOrder /*tag*/) {
  return std::array{std::pair{ClassOrder::kCluster, "cluster"}, std::pair{ClassOrder::kName, "name"},
                    std::pair{ClassOrder::kSize, "size"}, std::pair{ClassOrder::kVocab, "vocab"}};
}

/// How much two classes are taken for each other, in both directions, sparse.
struct ClassLink {
  std::int32_t a = 0;
  std::int32_t b = 0;  ///< a < b
  double strength = 0;
};

/// (count(a,b) + count(b,a)) / (row_total(a) + row_total(b)) of every pair that is confused.
std::vector<ClassLink> confusion_links(const ConfusionMatrix& matrix);

/// Of several labels, of the images where class a is missed and b is wrongly predicted.
std::vector<ClassLink> confusion_links(const JudgedImages& images, std::int64_t num_classes);

/// The classes in an order where linked ones form blocks: agglomerative clustering with average linkage (Sokal,
/// Michener 1958) of the links, the strongest first; joined clusters are laid end to end, each turned so that the two
/// classes that meet are linked the most (Gruvaeus, Wainer, "Two additions to hierarchical cluster analysis", British
/// Journal of Mathematical and Statistical Psychology 1972). Clusters without links between them follow each other by
/// size, classes without links come last; equal cases are decided by index. 1,000 classes that are all confused with
/// all take a second, 10,000 with a few links each as well.
std::vector<std::int32_t> cluster_order(const std::vector<ClassLink>& links, std::int64_t num_classes);

/// Class indices in that order. images_of_class: [K].
std::vector<std::int32_t> class_order(ClassOrder order, const data::Vocabulary& vocabulary,
                                      const std::vector<std::int64_t>& images_of_class,
                                      const std::vector<ClassLink>& links);

}  // namespace margay::interpret
