#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/vocabulary.h"

namespace margay::data {

/// One picture and the name of its class.
struct Item {
  std::filesystem::path path;
  std::string label;
};

/// Gives a picture its class, or nothing where it cannot. `description` completes "no label by …" in errors.
struct Labeller {
  std::string description;
  std::function<std::optional<std::string>(const std::filesystem::path&)> label;
};

/// Which items train and which validate, by index; together each index at most once.
struct Split {
  std::vector<std::size_t> train;
  std::vector<std::size_t> valid;
};

using Splitter = std::function<Split(const std::vector<Item>&)>;

/// Labelled pictures; targets[i] is the class index of items[i].
struct Dataset {
  std::vector<Item> items;
  std::vector<std::int64_t> targets;

  std::size_t size() const { return items.size(); }
};

/// What a DataBlock makes of its parts, before any pixel is read.
struct Datasets {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> valid;
  Vocabulary vocabulary;
  /// What is allowed but probably not meant, one sentence each.
  std::vector<std::string> warnings;
};

}  // namespace margay::data
