#include "margay/model/weights/state_dict.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text_table.h"

namespace margay::model {
namespace {

constexpr std::array<std::string_view, 12> kEntries = {
    "state_dict_ema", "model_ema", "state_dict", "model",   "model_state_dict", "model_state",
    "module",         "net",       "ema",        "weights", "teacher",          "student"};
constexpr int kMaxNesting = 3;
constexpr std::size_t kShownKeys = 8;
constexpr std::size_t kMaxName = 1000;  // a million tensors may share one name

using NamedRecords = std::vector<std::pair<std::string, TensorRecord>>;

class Finder {
 public:
  Finder(const Pickle& pickle, const std::filesystem::path& path) : pickle_(pickle), path_(path) {}

  StateDict find() {
    if (pickle_.get<PickleDict>(pickle_.root) == nullptr) {
      throw core::FormatError(path_,
                              fmt::format("[torch] expected a dict of tensors, found {}; save model.state_dict()",
                                          pickle_.kind(pickle_.root)));
    }
    auto found = find_within(pickle_.root, 0);
    if (found) return *found;
    throw core::FormatError(path_,
                            fmt::format("[torch] holds no state dict, which is a dict of tensors by name; its keys "
                                        "are {}",
                                        keys()));
  }

 private:
  std::optional<StateDict> find_within(PickleId id, int depth) {
    const auto* dict = pickle_.get<PickleDict>(id);
    if (dict == nullptr || depth > kMaxNesting || !tried_.insert(id).second) return std::nullopt;
    for (const std::string_view entry : kEntries) {
      const PickleId* value = pickle_.find(*dict, entry);
      if (value == nullptr) continue;
      auto found = find_within(*value, depth + 1);
      if (!found) continue;
      found->entry = found->entry.empty() ? entry : fmt::format("{}.{}", entry, found->entry);
      return found;
    }
    NamedRecords tensors = tensors_of(*dict);
    if (tensors.empty()) return std::nullopt;
    return StateDict{std::move(tensors), ""};
  }

  /// Of one name the last counts, as in Python.
  NamedRecords tensors_of(const PickleDict& dict) const {
    std::map<std::string_view, PickleId> values;
    bool has_dicts = false;
    for (const auto& [key, value] : dict.entries) {
      const auto* name = pickle_.get<std::string>(key);
      if (name != nullptr && name->size() <= kMaxName) values[*name] = value;
      has_dicts = has_dicts || pickle_.get<PickleDict>(value) != nullptr;
    }
    NamedRecords tensors;
    bool has_only_scalars = true;
    for (const auto& [name, value] : values) {
      auto record = tensor_record(pickle_, value, path_);
      if (!record) continue;
      has_only_scalars = has_only_scalars && record->sizes.empty();
      tensors.emplace_back(name, std::move(*record));
    }
    if (has_dicts && has_only_scalars) return {};  // the weights lie in one of the dicts; these are an accuracy, a loss
    return tensors;
  }

  std::string keys() const {
    const PickleDict& dict = *pickle_.get<PickleDict>(pickle_.root);
    std::string text;
    for (std::size_t i = 0; i < std::min(dict.entries.size(), kShownKeys); ++i) {
      const auto* key = pickle_.get<std::string>(dict.entries[i].first);
      text += fmt::format("{}{}", i == 0 ? "" : ", ",
                          key == nullptr ? pickle_.kind(dict.entries[i].first) : core::one_line(*key).substr(0, 60));
    }
    if (dict.entries.size() > kShownKeys) text += fmt::format(" and {} more", dict.entries.size() - kShownKeys);
    return text.empty() ? "none" : text;
  }

  const Pickle& pickle_;
  const std::filesystem::path& path_;
  std::set<PickleId> tried_;  // entries may lead back
};

}  // namespace

StateDict find_state_dict(const Pickle& pickle, const std::filesystem::path& path) {
  return Finder(pickle, path).find();
}

}  // namespace margay::model
