#include "margay/data/source/splits.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/random.h"
#include "margay/data/source/name_list.h"

namespace margay::data {
namespace {

constexpr std::string_view kTest = "test";

/// The outermost folder on the way to the file that is one of these; "" where none is.
std::string_view outermost(std::string_view relative, std::initializer_list<std::string_view> folders) {
  for (std::size_t slash = relative.find('/'); slash != std::string_view::npos; slash = relative.find('/')) {
    for (const std::string_view folder : folders) {
      if (relative.substr(0, slash) == folder) return folder;
    }
    relative.remove_prefix(slash + 1);
  }
  return "";
}

}  // namespace

Splitter random_split(RandomSplitOptions options) {
  core::validate(options);
  return [options](const Items& items) {
    const std::vector<std::size_t> order = core::torch_permutation(items.size(), options.seed);
    const auto cut = static_cast<std::ptrdiff_t>(options.valid_fraction * static_cast<double>(items.size()));
    return Split{{order.begin() + cut, order.end()}, {order.begin(), order.begin() + cut}};
  };
}

Splitter no_split() {
  return [](const Items& items) {
    Split split;
    split.train.resize(items.size());
    std::iota(split.train.begin(), split.train.end(), std::size_t{0});
    return split;
  };
}

Splitter folder_split(const std::filesystem::path& root, const std::string& train, const std::string& valid) {
  return [root = Root(root), train, valid](const Items& items) {
    Split split;
    NameList neither;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string relative = root.relative(items.paths().text(i));
      const std::string_view part = outermost(relative, {train, valid, kTest});
      if (part == valid) {
        split.valid.push_back(i);
      } else if (part == train) {
        split.train.push_back(i);
      } else if (part.empty()) {
        neither.add(relative);
      }
    }
    if (neither.empty()) return split;
    throw core::DataError(root.folder(),
                          fmt::format("{} image(s) lie below neither {}/ nor {}/: {}; move them, or split "
                                      "another way (`valid_fraction`)",
                                      neither.size(), train, valid, neither.text()));
  };
}

bool is_below_test(const Root& root, std::string_view image) {
  const std::string relative = root.relative(image);
  return outermost(relative, {"train", "valid", "val", kTest}) == kTest;
}

const core::OptionTable& RandomSplitOptions::fields() {
  static const core::OptionTable table(
      "random_split", {core::field<&RandomSplitOptions::valid_fraction>(
                           "valid_fraction", "share of the images kept for validation", {0.0, 0.99}),
                       core::field<&RandomSplitOptions::seed>("seed", "the same seed makes the same split")});
  return table;
}

}  // namespace margay::data
