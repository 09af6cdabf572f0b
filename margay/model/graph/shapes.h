#pragma once

#include <vector>

#include "margay/model/graph/graph.h"

namespace margay::model {

/// The shape of an operation's result. inputs: the shapes of its inputs. Sizes may be kAnySize. Throws
/// std::invalid_argument, with both sizes, where a window is larger than the image, and core::Error where shapes do not
/// fit one another.
Shape result_shape(const op::Operation& operation, const std::vector<Shape>& inputs);

/// As NumPy repeats sizes of 1 and missing first dimensions.
Shape broadcast(const Shape& a, const Shape& b);

}  // namespace margay::model
