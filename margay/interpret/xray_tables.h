#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "margay/interpret/sigmoid_xray.h"
#include "margay/interpret/softmax_xray.h"

namespace margay::interpret {

/// The <table> of a row for the page: the classes that are shown, one line each, with bars.
std::string html_table(const SoftmaxRow& row, const std::vector<std::size_t>& shown);
std::string html_table(const SigmoidRow& row, const std::vector<std::size_t>& shown);

/// A bar of `fraction`, 0 … 1, of its cell.
std::string html_bar(double fraction);

}  // namespace margay::interpret
