#include "margay/model/weights/weights_file.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/model/torch_errors.h"
#include "margay/model/weights/file_reader.h"
#include "margay/model/weights/safetensors_header.h"
#include "margay/model/weights/torch_file.h"

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

/// Reads an index of files: {"weight_map": {NAME: FILE}}, each FILE a plain name beside the index. Of each file
/// exactly the tensors are taken that the index says it holds.
/// read_file: reads one of them. Throws core::FormatError for an index of another form, one that leads out of its
/// folder, and a tensor that is not in its file; core::DataError for a file that is missing.
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
    result.format = fmt::format("{} in {}", shard.format, core::counted(shards.size(), "file"));
    result.metadata.merge(shard.metadata);
  }
  return result;
}

enum class Form { kSafetensors, kTorch, kIndex };

constexpr std::array<const char*, 4> kPreferred = {"model.safetensors.index.json", "pytorch_model.bin.index.json",
                                                   "model.safetensors", "pytorch_model.bin"};
constexpr std::array<const char*, 6> kWeightsEndings = {".safetensors", ".margay", ".pth", ".pt", ".bin", ".ckpt"};

/// What lies in the place of weights when a download went wrong.
struct ForeignFormat {
  std::size_t offset;
  std::string_view begin;  ///< in small letters
  const char* what;
};

constexpr std::array<ForeignFormat, 6> kForeignFormats = {
    ForeignFormat{0, "version https://git-lfs", "a Git LFS pointer, not the file itself; fetch it with git lfs pull"},
    ForeignFormat{0, "<!doctype", "a web page, not weights; fetch the file that the page links to"},
    ForeignFormat{0, "<html", "a web page, not weights; fetch the file that the page links to"},
    ForeignFormat{0, "\x1f\x8b", "compressed (gzip); unpack it first"},
    ForeignFormat{257, "ustar",
                  "a tar archive (torch.save's form before 0.1.10, or a package); unpack it, or save it again"},
    ForeignFormat{0, "\x89hdf\r\n", "an HDF5 file (of Keras); its networks are others"}};

bool is_safetensors(std::span<const std::byte> bytes, std::size_t file_bytes) {
  if (bytes.size() <= kSafetensorsLengthBytes || bytes[kSafetensorsLengthBytes] != std::byte{'{'}) return false;
  std::uint64_t length = 0;
  for (std::size_t i = kSafetensorsLengthBytes; i-- > 0;)
    length = length << 8U | std::to_integer<std::uint64_t>(bytes[i]);
  return length <= file_bytes;
}

void refuse_foreign_formats(const std::string& beginning, const std::filesystem::path& path) {
  const std::string letters = core::lower_case(beginning);
  for (const ForeignFormat& each : kForeignFormats) {
    if (letters.size() > each.offset && std::string_view(letters).substr(each.offset).starts_with(each.begin)) {
      throw core::FormatError(path, fmt::format("[read_weights] this is {}", each.what));
    }
  }
}

Form form_of(const std::filesystem::path& path) {
  constexpr std::size_t kLookedAt = 512;
  const FileReader file(path);
  const at::Tensor first = file.read_first(kLookedAt);
  if (is_safetensors(bytes_of(first), file.size())) return Form::kSafetensors;
  const std::string beginning(static_cast<const char*>(first.data_ptr()), first.nbytes());
  if (beginning.starts_with("PK\x03\x04") || beginning.starts_with('\x80')) return Form::kTorch;
  if (beginning.starts_with('{')) return Form::kIndex;
  refuse_foreign_formats(beginning, path);
  return Form::kSafetensors;  // whose reader says what is wrong
}

WeightsFile read_file(const std::filesystem::path& path) {
  if (form_of(path) == Form::kTorch) {
    TorchFile file = read_torch_file(path);
    return {std::move(file.tensors), {}, std::move(file.format)};
  }
  SafetensorsFile file = read_safetensors(path);
  std::erase_if(file.tensors, [](const auto& each) { return each.first.starts_with(kNoWeights); });
  return {std::move(file.tensors), std::move(file.metadata), "safetensors"};
}

bool ends_as_weights(const std::filesystem::path& path) {
  const std::string ending = core::lower_case(path.extension().string());
  return std::find(kWeightsEndings.begin(), kWeightsEndings.end(), ending) != kWeightsEndings.end();
}

std::vector<std::string> weights_within(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (ends_as_weights(at->path()) && at->is_regular_file(error)) names.push_back(at->path().filename().string());
  }
  if (error) throw core::DataError(folder, "[read_weights] cannot be listed (" + error.message() + ")");
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::filesystem::path weights_file_of(const std::filesystem::path& file_or_folder) {
  if (!std::filesystem::is_directory(file_or_folder)) return file_or_folder;
  for (const char* name : kPreferred) {
    if (std::filesystem::is_regular_file(file_or_folder / name)) return file_or_folder / name;
  }
  const std::vector<std::string> names = weights_within(file_or_folder);
  if (names.size() == 1) return file_or_folder / names.front();
  throw core::DataError(file_or_folder,
                        names.empty() ? "[read_weights] the folder holds no weights (.safetensors, .pth, .pt, .bin)"
                                      : fmt::format("[read_weights] the folder holds {} files of weights; name one "
                                                    "of them: {}",
                                                    names.size(), core::joined(names, ", ")));
}

bool is_index_of_weights(const std::filesystem::path& file) { return form_of(file) == Form::kIndex; }

WeightsFile read_weights(const std::filesystem::path& file_or_folder) {
  const std::filesystem::path path = weights_file_of(file_or_folder);
  return with_own_errors(
      kFreeMemory, [&] { return is_index_of_weights(path) ? read_sharded_weights(path, read_file) : read_file(path); });
}

}  // namespace margay::model
