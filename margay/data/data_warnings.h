#pragma once

#include <string>
#include <vector>

#include "margay/data/dataset.h"

namespace margay::data {

/// What is allowed in a data set but probably not meant, one sentence each: one class only, classes without or with
/// a single image, classes that never train or never validate, no validation at all.
std::vector<std::string> data_warnings(const Datasets& datasets);

}  // namespace margay::data
