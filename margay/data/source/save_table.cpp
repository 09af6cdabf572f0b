#include "margay/data/source/save_table.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/core/atomic_file.h"
#include "margay/core/error.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/root.h"

namespace margay::data {
namespace {

std::string delimiter_for(const Datasets& datasets) {
  if (datasets.train->task() == Task::kSingleLabel) return "";
  const std::vector<std::string> candidates = {";", "|", "/", ",", "\x1e", "\x1d", "\x1c"};
  const std::vector<std::string>& names = datasets.vocabulary.names();
  for (const std::string& delimiter : candidates) {
    const auto has_it = [&](const std::string& name) { return name.find(delimiter) != std::string::npos; };
    if (std::none_of(names.begin(), names.end(), has_it)) return delimiter;
  }
  throw std::invalid_argument("[save_table] every delimiter is part of some class's name");
}

std::string name_below(const Root& root, const std::filesystem::path& image) {
  const std::string name = root.relative(image.native());
  return name.starts_with("../") ? std::filesystem::absolute(image).generic_string() : name;
}

/// Classes by the names of the vocabulary.
std::string label_cell(const Datasets& datasets, const Dataset& part, std::size_t i, const std::string& delimiter) {
  std::string cell;
  bool is_first = true;
  for (const std::int64_t k : part.classes(i)) {
    cell += (is_first ? "" : delimiter) + datasets.vocabulary.name(k);
    is_first = false;
  }
  return cell;
}

std::string json_lines(const Datasets& datasets, const Root& root) {
  std::string text;
  for (const auto& part : {datasets.train, datasets.valid}) {
    for (std::size_t i = 0; i < part->size(); ++i) {
      nlohmann::ordered_json line = {{"name", name_below(root, part->path(i))}};
      line["labels"] = nlohmann::ordered_json::array();
      for (const std::int64_t k : part->classes(i)) line["labels"].push_back(datasets.vocabulary.name(k));
      line["is_valid"] = part == datasets.valid ? 1 : 0;
      try {
        text += line.dump() + "\n";
      } catch (const nlohmann::json::exception&) {
        throw core::DataError(part->path(i), "the name is not UTF-8, which JSON lines cannot hold; rename the file");
      }
    }
  }
  return text;
}

}  // namespace

std::string save_table(const Datasets& datasets, const std::filesystem::path& root, const std::filesystem::path& path) {
  const Root relative_to(root);
  if (path.extension() == ".jsonl") {
    core::write_file_atomically(path, json_lines(datasets, relative_to));
    return "";
  }
  const std::string delimiter = delimiter_for(datasets);
  std::string text = "name,label,is_valid\n";
  for (const auto& part : {datasets.train, datasets.valid}) {
    for (std::size_t i = 0; i < part->size(); ++i) {
      text += csv_cell(name_below(relative_to, part->path(i))) + ',';
      text += csv_cell(label_cell(datasets, *part, i, delimiter)) + (part == datasets.valid ? ",1\n" : ",0\n");
    }
  }
  core::write_file_atomically(path, text);
  return delimiter;
}

}  // namespace margay::data
