#include "margay/model/weights/state_dict.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::model {
namespace {

struct RecordDtype {
  std::string_view storage;  ///< without "torch."
  std::string_view name;
  c10::ScalarType type;
};

constexpr std::array kRecordDtypes = {RecordDtype{"DoubleStorage", "float64", c10::ScalarType::Double},
                                      RecordDtype{"FloatStorage", "float32", c10::ScalarType::Float},
                                      RecordDtype{"HalfStorage", "float16", c10::ScalarType::Half},
                                      RecordDtype{"BFloat16Storage", "bfloat16", c10::ScalarType::BFloat16},
                                      RecordDtype{"LongStorage", "int64", c10::ScalarType::Long},
                                      RecordDtype{"IntStorage", "int32", c10::ScalarType::Int},
                                      RecordDtype{"ShortStorage", "int16", c10::ScalarType::Short},
                                      RecordDtype{"CharStorage", "int8", c10::ScalarType::Char},
                                      RecordDtype{"ByteStorage", "uint8", c10::ScalarType::Byte},
                                      RecordDtype{"BoolStorage", "bool", c10::ScalarType::Bool}};

// One list of sizes, or one key, may stand behind a million tensors, and each of those copies it.
constexpr std::size_t kMaxRecordDimensions = 16;
constexpr std::size_t kMaxKey = 64;
constexpr int kMaxWrappings = 4;  // a parameter of a subclass of tensors

class RecordReader {
 public:
  RecordReader(const Pickle& pickle, const std::filesystem::path& path) : pickle_(pickle), path_(path) {}

  std::optional<TensorRecord> tensor(PickleId value) const {
    for (int i = 0; i < kMaxWrappings; ++i) {
      const auto* call = pickle_.get<PickleCall>(value);
      const auto* global = call == nullptr ? nullptr : pickle_.get<PickleGlobal>(call->callable);
      if (global == nullptr || !global->name.starts_with("torch.")) return std::nullopt;
      const std::string_view name = std::string_view(global->name).substr(global->name.rfind('.') + 1);
      const std::vector<PickleId>& arguments = list(call->arguments, 0);
      if (name == "_rebuild_from_type_v2") return subclass(arguments);
      if (name.starts_with("_rebuild_tensor")) return strided(name, arguments);
      if (call->state && name.ends_with("Tensor") && name != "Tensor") return strided(name, list(*call->state, 0));
      if (!name.starts_with("_rebuild_parameter") && name != "Parameter") return std::nullopt;
      value = list(call->arguments, 1)[0];
    }
    fail("too many wrappings");
  }

  std::optional<StorageRecord> storage(PickleId value) const {
    const auto* persistent = pickle_.get<PicklePersistent>(value);
    if (persistent == nullptr) return std::nullopt;
    const std::vector<PickleId>& id = list(persistent->id, 5);  // 'storage', class, key, location, elements, view
    if (text(id[0]) != "storage") fail("a persistent id that is no storage");
    if (id.size() > 5 && pickle_.get<PickleNone>(id[5]) == nullptr)
      fail("a storage within another (of torch 0.3); save it again");
    if (text(id[2]).size() > kMaxKey) fail("a storage with a long name");
    return StorageRecord{text(id[2]), storage_dtype(id[1]), number(id[4])};
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw core::FormatError(path_, "[torch] a tensor is not put together as torch does: " + problem);
  }

  const std::vector<PickleId>& list(PickleId value, std::size_t at_least) const {
    const auto* sequence = pickle_.get<PickleSequence>(value);
    if (sequence == nullptr) fail("expected a list, found " + pickle_.kind(value));
    if (sequence->items.size() < at_least) {
      fail(fmt::format("expected {} values, found {}", at_least, sequence->items.size()));
    }
    return sequence->items;
  }

  const std::string& text(PickleId value) const {
    const auto* text = pickle_.get<std::string>(value);
    if (text == nullptr) fail("expected a text, found " + pickle_.kind(value));
    return *text;
  }

  std::int64_t number(PickleId value) const {
    const auto* number = pickle_.get<std::int64_t>(value);
    if (number == nullptr) fail("expected a whole number, found " + pickle_.kind(value));
    return *number;
  }

  std::vector<std::int64_t> numbers(PickleId value) const {
    std::vector<std::int64_t> numbers;
    if (list(value, 0).size() > kMaxRecordDimensions)
      fail(fmt::format("more than {} dimensions", kMaxRecordDimensions));
    for (const PickleId each : list(value, 0)) numbers.push_back(number(each));
    return numbers;
  }

  std::optional<c10::ScalarType> storage_dtype(PickleId value) const {
    const auto* global = pickle_.get<PickleGlobal>(value);
    if (global == nullptr) fail("expected a storage's class, found " + pickle_.kind(value));
    const std::string_view name = std::string_view(global->name).substr(global->name.rfind('.') + 1);
    for (const RecordDtype& each : kRecordDtypes) {
      if (each.storage == name) return each.type;
    }
    if (name == "UntypedStorage") return std::nullopt;
    fail("expected a storage's class, found " + global->name);
  }

  c10::ScalarType dtype(PickleId value) const {
    const auto* global = pickle_.get<PickleGlobal>(value);
    for (const RecordDtype& each : kRecordDtypes) {
      if (global != nullptr && global->name == fmt::format("torch.{}", each.name)) return each.type;
    }
    fail("expected a dtype, found " + pickle_.kind(value));
  }

  /// _rebuild_tensor(storage, offset, sizes, strides), as the state of torch.FloatTensor before 0.4; v2 with
  /// requires_grad and hooks behind, v3 with the dtype as well.
  TensorRecord strided(std::string_view name, const std::vector<PickleId>& arguments) const {
    constexpr std::size_t kDtypePlace = 6;
    const bool says_dtype = name.ends_with("_v3");
    const std::size_t needed = says_dtype ? kDtypePlace + 1 : 4;
    if (arguments.size() < needed) fail(fmt::format("{} of {} values", name, arguments.size()));
    const auto found = storage(arguments[0]);
    if (!found) fail("expected a storage, found " + pickle_.kind(arguments[0]));
    if (!says_dtype && !found->dtype) fail("a storage of bytes, but no dtype");
    return {*found, says_dtype ? dtype(arguments[kDtypePlace]) : *found->dtype, number(arguments[1]),
            numbers(arguments[2]), numbers(arguments[3])};
  }

  /// _rebuild_from_type_v2(function, class, its arguments, attributes).
  TensorRecord subclass(const std::vector<PickleId>& arguments) const {
    const auto* function = arguments.size() < 3 ? nullptr : pickle_.get<PickleGlobal>(arguments[0]);
    if (function == nullptr || !function->name.starts_with("torch._utils._rebuild_tensor")) {
      fail("expected a function of torch._utils that builds tensors");
    }
    return strided(function->name, list(arguments[2], 0));
  }

  const Pickle& pickle_;
  const std::filesystem::path& path_;
};

}  // namespace

std::optional<TensorRecord> tensor_record(const Pickle& pickle, PickleId value, const std::filesystem::path& path) {
  return RecordReader(pickle, path).tensor(value);
}

std::optional<StorageRecord> storage_record(const Pickle& pickle, PickleId value, const std::filesystem::path& path) {
  return RecordReader(pickle, path).storage(value);
}

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
