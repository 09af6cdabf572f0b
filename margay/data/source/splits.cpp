#include "margay/data/source/splits.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/random.h"
#include "margay/core/text.h"
#include "margay/data/common_folder.h"
#include "margay/data/source/image_finder.h"
#include "margay/data/source/names.h"
#include "margay/data/source/text_file.h"

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
    throw core::DataError(root.folder(), fmt::format("{} below neither {}/ nor {}/: {}; move what lies there, or split "
                                                     "another way (`valid_fraction`)",
                                                     core::counted(neither.size(), "image lies", "images lie"), train,
                                                     valid, neither.text()));
  };
}

namespace {

/// By label id.
std::vector<bool> labels_in_rows(const Items& items, const std::vector<std::size_t>& rows) {
  std::vector<bool> occurs(items.label_names().size(), false);
  for (const std::size_t row : rows) {
    for (const std::uint32_t id : items.label_ids(row)) occurs[id] = true;
  }
  return occurs;
}

NameList names_of(const Items& items, const std::vector<bool>& occurs) {
  NameList names;
  for (std::size_t id = 0; id < occurs.size(); ++id) {
    if (occurs[id]) names.add(items.label_names()[id]);
  }
  return names;
}

void check_common_label(const Items& items, const Split& split, const std::filesystem::path& place) {
  const std::vector<bool> train = labels_in_rows(items, split.train);
  const std::vector<bool> valid = labels_in_rows(items, split.valid);
  const NameList of_train = names_of(items, train);
  const NameList of_valid = names_of(items, valid);
  if (of_train.empty() || of_valid.empty()) return;
  for (std::size_t id = 0; id < train.size(); ++id) {
    if (train[id] && valid[id]) return;
  }
  throw core::DataError(place,
                        fmt::format("its folders look like a split, but training and validation have no class in "
                                    "common: {} train, {} validate; name the folders with `train_folder` and "
                                    "`valid_folder`, or draw the validation set with `valid_fraction`",
                                    of_train.text(), of_valid.text()));
}

}  // namespace

Splitter part_split(std::vector<std::optional<SplitPart>> parts, std::filesystem::path place) {
  return [parts = std::move(parts), place = std::move(place)](const Items& items) {
    Split split;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i] == SplitPart::kTrain) split.train.push_back(i);
      if (parts[i] == SplitPart::kValid) split.valid.push_back(i);
    }
    check_common_label(items, split, place);
    return split;
  };
}

const core::OptionTable& RandomSplitOptions::fields() {
  static const core::OptionTable table(
      "random_split", {core::field<&RandomSplitOptions::valid_fraction>(
                           "valid_fraction", "share of the images kept for validation", {0.0, 0.99}),
                       core::field<&RandomSplitOptions::seed>("seed", "the same seed makes the same split")});
  return table;
}

namespace {

ImageNames listed_names(std::string_view text, const std::filesystem::path& root) {
  ImageNames names({Root(root)});
  for_each_line(text, [&](std::size_t /*number*/, std::string_view line) {
    if (line.find_first_not_of(" \t") != std::string_view::npos) names.add(line);
  });
  return names;
}

std::string nearest_name(std::string_view name, const Items& items) {
  constexpr std::size_t kEnough = 100'000;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(items.size(), kEnough); ++i)
    names.emplace_back(file_name(items.paths().text(i)));
  return core::did_you_mean(file_name(name), names);
}

}  // namespace

Splitter file_list_split(const std::filesystem::path& list, const std::filesystem::path& root) {
  const auto names = std::make_shared<const ImageNames>(listed_names(read_text(list, OtherBytes::kKeep), root));
  if (names->size() == 0)
    throw core::DataError(list, "the list of validation images is empty; write a name on each line");
  return [names, list](const Items& items) {
    Split split;
    std::vector<std::size_t> image_of_name(names->size(), items.size());
    const std::vector<std::optional<std::size_t>> name_of_image = names->find_each(items.paths());
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto name = name_of_image[i];
      (name ? split.valid : split.train).push_back(i);
      if (!name) continue;
      if (image_of_name[*name] < items.size()) {
        throw core::DataError(
            list, fmt::format("'{}' names both {} and {}; write their paths", names->name(*name),
                              core::shown_path(items.path(image_of_name[*name])), core::shown_path(items.path(i))));
      }
      image_of_name[*name] = i;
    }
    NameList absent;
    std::string hint;
    for (std::size_t n = 0; n < names->size(); ++n) {
      if (image_of_name[n] < items.size()) continue;
      if (absent.empty()) hint = nearest_name(names->name(n), items);
      absent.add(std::string(names->name(n)));
    }
    if (absent.empty()) return split;
    throw core::DataError(list, fmt::format("{} of the {} images listed are not among the data: {}{}", absent.size(),
                                            names->size(), absent.text(), hint));
  };
}

Split split_by_parts(const std::vector<std::uint32_t>& part, std::uint32_t valid) {
  Split split;
  for (std::size_t i = 0; i < part.size(); ++i) (part[i] == valid ? split.valid : split.train).push_back(i);
  return split;
}

void check_folds(const FoldOptions& options) {
  core::validate(options);
  if (options.fold <= options.folds) return;
  throw std::invalid_argument(
      fmt::format("[fold_split] fold {} of {} folds; the last is {}", options.fold, options.folds, options.folds));
}

void check_enough(const Items& items, std::size_t count, const char* what, const FoldOptions& options) {
  if (count >= static_cast<std::size_t>(options.folds)) return;
  throw core::DataError(common_folder(items),
                        fmt::format("{} {} make no {} folds; take fewer folds", count, what, options.folds));
}

Splitter fold_split(FoldOptions options) {
  check_folds(options);
  return [options](const Items& items) {
    check_enough(items, items.size(), "images", options);
    std::vector<std::uint32_t> part(items.size());
    std::uint32_t next = 0;
    for (const std::size_t row : core::permutation(items.size(), core::Random({options.seed}))) {
      part[row] = next;
      next = (next + 1) % static_cast<std::uint32_t>(options.folds);
    }
    return split_by_parts(part, static_cast<std::uint32_t>(options.fold - 1));
  };
}

}  // namespace margay::data
