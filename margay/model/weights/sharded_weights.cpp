#include "margay/model/weights/sharded_weights.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/text_table.h"
#include "margay/model/weights/file_reader.h"

namespace margay::model {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxIndexBytes = 10'000'000;  // a hundred thousand names
constexpr int kMaxIndexDepth = 3;                   // {"weight_map": {NAME: FILE}} and what stands beside it

/// The names of the tensors of each file.
using Shards = std::map<std::string, std::vector<std::string>>;

[[noreturn]] void fail(const std::filesystem::path& index, const std::string& problem) {
  throw core::FormatError(index, "[read_weights] " + problem);
}

bool is_plain_name(const std::string& file) {
  return !file.empty() && file != "." && file != ".." &&
         file.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

json parse(const std::filesystem::path& index) {
  const FileReader file(index);
  if (file.size() > kMaxIndexBytes) fail(index, "too long for an index of weights");
  const at::Tensor bytes = file.read_all();
  const std::string_view text(static_cast<const char*>(bytes.data_ptr()), bytes.nbytes());
  const auto check_depth = [&](int depth, json::parse_event_t /*event*/, json& /*value*/) {
    if (depth > kMaxIndexDepth) fail(index, "lists within lists, as no index of weights has");
    return true;
  };
  try {
    return json::parse(text, check_depth);
  } catch (const json::exception& error) {
    fail(index, fmt::format("begins as an index of weights, but is not JSON: {}", error.what()));
  }
}

Shards shards_of(const std::filesystem::path& index) {
  const json content = parse(index);
  const auto map = content.find("weight_map");
  if (map == content.end() || !map->is_object())
    fail(index, "a JSON file without \"weight_map\", so no index of weights");
  Shards shards;
  for (const auto& [name, file] : map->items()) {
    if (!file.is_string() || !is_plain_name(file.get<std::string>())) {
      fail(index, fmt::format("'{}' is said to be in {}, expected the name of a file beside the index",
                              core::one_line(name), file.dump(-1, ' ', true).substr(0, 80)));
    }
    shards[file.get<std::string>()].push_back(name);
  }
  if (shards.empty()) fail(index, "names no files");
  return shards;
}

}  // namespace

WeightsFile read_sharded_weights(const std::filesystem::path& index,
                                 const std::function<WeightsFile(const std::filesystem::path&)>& read_file) {
  const Shards shards = shards_of(index);
  WeightsFile result;
  for (const auto& [file, names] : shards) {
    WeightsFile shard = read_file(index.parent_path() / file);
    for (const std::string& name : names) {
      const auto found = shard.tensors.find(name);
      if (found == shard.tensors.end()) fail(index, fmt::format("'{}' is not in {}", core::one_line(name), file));
      result.tensors.insert(shard.tensors.extract(found));
    }
    result.format = fmt::format("{} in {} file{}", shard.format, shards.size(), shards.size() == 1 ? "" : "s");
    result.metadata.merge(shard.metadata);
  }
  return result;
}

}  // namespace margay::model
