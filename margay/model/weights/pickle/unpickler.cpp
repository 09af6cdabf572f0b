#include "margay/model/weights/pickle/unpickler.h"

#include <bit>
#include <utility>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/model/weights/pickle/allowed_globals.h"
#include "margay/model/weights/pickle/pickle.h"

namespace margay::model {
namespace {

constexpr std::uint64_t kOldestProtocol = 2;
constexpr std::uint64_t kNewestProtocol = 5;
constexpr std::size_t kShownGlobal = 120;

/// The machine. Each group of opcodes has a method that says whether the opcode was one of its.
class Unpickler {
 public:
  Unpickler(std::span<const std::byte> bytes, const std::filesystem::path& path, std::size_t offset)
      : reader_(bytes, path, offset), stack_(reader_) {}

  Pickle run() {
    for (;;) {
      reader_.begin_step();
      const auto opcode = static_cast<Opcode>(reader_.number(1));
      if (opcode == Opcode::kStop) return stack_.finish(reader_.position());
      const bool is_known = run_frame(opcode) || run_number(opcode) || run_text(opcode) || run_tuple(opcode) ||
                            run_container(opcode) || run_memo(opcode) || run_object(opcode);
      if (!is_known) {
        reader_.fail(fmt::format("opcode 0x{:02x} is none that torch.save writes", static_cast<unsigned>(opcode)));
      }
    }
  }

 private:
  bool run_frame(Opcode opcode) {
    switch (opcode) {
      case Opcode::kProtocol:
        check_protocol(reader_.number(1));
        return true;
      case Opcode::kFrame:  // says only how much to read ahead
        reader_.number(8);
        return true;
      case Opcode::kMark:
        stack_.mark();
        return true;
      case Opcode::kPop:
        stack_.pop();
        return true;
      case Opcode::kPopMark:
        stack_.pop_to_mark();
        return true;
      case Opcode::kDup:
        stack_.push_again(stack_.top());
        return true;
      default:
        return false;
    }
  }

  bool run_number(Opcode opcode) {
    switch (opcode) {
      case Opcode::kNone:
        stack_.push(PickleNone{});
        return true;
      case Opcode::kTrue:
      case Opcode::kFalse:
        stack_.push(opcode == Opcode::kTrue);
        return true;
      case Opcode::kInt:
        stack_.push(std::int64_t{std::bit_cast<std::int32_t>(static_cast<std::uint32_t>(reader_.number(4)))});
        return true;
      case Opcode::kInt1:
      case Opcode::kInt2:
        stack_.push(static_cast<std::int64_t>(reader_.number(opcode == Opcode::kInt1 ? 1 : 2)));
        return true;
      case Opcode::kLong1:
      case Opcode::kLong4:
        push_long(reader_.text(reader_.number(opcode == Opcode::kLong1 ? 1 : 4)));
        return true;
      case Opcode::kFloat:
        stack_.push(reader_.fraction());
        return true;
      default:
        return false;
    }
  }

  bool run_text(Opcode opcode) {
    switch (opcode) {
      case Opcode::kShortString:
      case Opcode::kShortUnicode:
        stack_.push(reader_.text(reader_.number(1)));
        return true;
      case Opcode::kString:
      case Opcode::kUnicode:
        stack_.push(reader_.text(reader_.number(4)));
        return true;
      case Opcode::kUnicode8:
        stack_.push(reader_.text(reader_.number(8)));
        return true;
      case Opcode::kShortBytes:
        stack_.push(PickleBytes{reader_.text(reader_.number(1))});
        return true;
      case Opcode::kBytes:
        stack_.push(PickleBytes{reader_.text(reader_.number(4))});
        return true;
      case Opcode::kBytes8:
      case Opcode::kByteArray8:
        stack_.push(PickleBytes{reader_.text(reader_.number(8))});
        return true;
      default:
        return false;
    }
  }

  bool run_tuple(Opcode opcode) {
    switch (opcode) {
      case Opcode::kEmptyList:
      case Opcode::kEmptyTuple:
      case Opcode::kEmptySet:
        stack_.push(PickleSequence{});
        return true;
      case Opcode::kTuple1:
      case Opcode::kTuple2:
      case Opcode::kTuple3: {
        const auto count = static_cast<std::size_t>(opcode) - static_cast<std::size_t>(Opcode::kTuple1) + 1;
        stack_.push(PickleSequence{stack_.pop_many(count)});
        return true;
      }
      case Opcode::kList:
      case Opcode::kTuple:
      case Opcode::kFrozenSet:
        stack_.push(PickleSequence{stack_.pop_to_mark()});
        return true;
      default:
        return false;
    }
  }

  bool run_container(Opcode opcode) {
    switch (opcode) {
      case Opcode::kEmptyDict:
        stack_.push(PickleDict{});
        return true;
      case Opcode::kDict: {
        const std::vector<PickleId> values = stack_.pop_to_mark();
        stack_.push(PickleDict{});
        set_items(values);
        return true;
      }
      case Opcode::kAppend:
        append(stack_.pop_many(1));
        return true;
      case Opcode::kAppends:
      case Opcode::kAddItems:
        append(stack_.pop_to_mark());
        return true;
      case Opcode::kSetItem:
        set_items(stack_.pop_many(2));
        return true;
      case Opcode::kSetItems:
        set_items(stack_.pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  bool run_memo(Opcode opcode) {
    switch (opcode) {
      case Opcode::kPut:
      case Opcode::kLongPut:
        stack_.memoize(reader_.number(opcode == Opcode::kPut ? 1 : 4));
        return true;
      case Opcode::kMemoize:
        stack_.memoize_next();
        return true;
      case Opcode::kGet:
      case Opcode::kLongGet:
        stack_.recall(reader_.number(opcode == Opcode::kGet ? 1 : 4));
        return true;
      default:
        return false;
    }
  }

  bool run_object(Opcode opcode) {
    switch (opcode) {
      case Opcode::kGlobal: {
        const std::string module = reader_.line();
        push_global(module, reader_.line());
        return true;
      }
      case Opcode::kStackGlobal:
        push_stack_global(stack_.pop_many(2));
        return true;
      case Opcode::kNewObjectEx:
        stack_.pop();  // arguments with names
        [[fallthrough]];
      case Opcode::kReduce:
      case Opcode::kNewObject:
        call(stack_.pop_many(2));
        return true;
      case Opcode::kBuild:  // attributes beside the value: OrderedDict's _metadata, parts of placeholders
        build(stack_.pop());
        return true;
      case Opcode::kPersistent:
        stack_.push(PicklePersistent{stack_.pop()});
        return true;
      default:
        return false;
    }
  }

  void check_protocol(std::uint64_t protocol) const {
    if (protocol >= kOldestProtocol && protocol <= kNewestProtocol) return;
    reader_.fail(
        fmt::format("pickle protocol {}; those from {} to {} are read", protocol, kOldestProtocol, kNewestProtocol));
  }

  void push_long(std::string bytes) {
    if (bytes.size() > sizeof(std::int64_t)) return stack_.push(PickleBigInteger{std::move(bytes)});
    const bool is_negative = !bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0x80U) != 0;
    std::uint64_t number = is_negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8U | static_cast<unsigned char>(bytes[i]);
    stack_.push(std::bit_cast<std::int64_t>(number));
  }

  void append(const std::vector<PickleId>& items) {
    const PickleId target = stack_.top();
    if (auto* list = stack_.get<PickleSequence>(target)) {
      list->items.insert(list->items.end(), items.begin(), items.end());
    } else if (stack_.get<PickleCall>(target) == nullptr) {  // whose content is dropped
      reader_.fail("appends to what is no list");
    }
  }

  void set_items(const std::vector<PickleId>& values) {
    const PickleId target = stack_.top();
    if (values.size() % 2 != 0) reader_.fail("a key without a value");
    if (auto* dict = stack_.get<PickleDict>(target)) {
      for (std::size_t i = 0; i < values.size(); i += 2) dict->entries.emplace_back(values[i], values[i + 1]);
    } else if (stack_.get<PickleCall>(target) == nullptr) {
      reader_.fail("gives entries to what is no dict");
    }
  }

  void build(PickleId state) {
    if (auto* call = stack_.get<PickleCall>(stack_.top())) call->state = state;
  }

  void push_stack_global(const std::vector<PickleId>& names) {
    const auto* module = stack_.get<std::string>(names[0]);
    const auto* name = stack_.get<std::string>(names[1]);
    if (module == nullptr || name == nullptr) reader_.fail("a global whose name is no text");
    push_global(*module, *name);
  }

  void push_global(const std::string& module, const std::string& name) {
    std::string full = module + "." + name;
    if (kind_of_global(full) == GlobalKind::kRefused) {
      reader_.fail(fmt::format(
          "it wants {}; refused: only tensors, numbers, texts and containers are read, and nothing in a file is ever "
          "executed. If you trust its author, load it in Python and save model.state_dict() or a safetensors file",
          core::one_line(full).substr(0, kShownGlobal)));
    }
    stack_.push(PickleGlobal{std::move(full)});
  }

  void call(const std::vector<PickleId>& callable_and_arguments) {
    const PickleId callable = callable_and_arguments[0];
    const PickleId arguments = callable_and_arguments[1];
    const auto* global = stack_.get<PickleGlobal>(callable);
    const auto* list = stack_.get<PickleSequence>(arguments);
    if (global == nullptr) reader_.fail("calls what is no global");
    if (list == nullptr) reader_.fail("a call without a tuple of arguments");
    const GlobalKind kind = kind_of_global(global->name);
    if (kind == GlobalKind::kDict) return push_dict(list->items);
    if (kind == GlobalKind::kList) return push_list(list->items);
    stack_.push(PickleCall{callable, arguments});
  }

  /// OrderedDict(), OrderedDict([[key, value], …]), Counter({…}), defaultdict(factory, …).
  void push_dict(const std::vector<PickleId>& arguments) {
    PickleDict dict;
    if (!arguments.empty()) {
      if (const auto* same = stack_.get<PickleDict>(arguments.back())) dict = *same;
      if (const auto* pairs = stack_.get<PickleSequence>(arguments.back())) dict.entries = entries_of(pairs->items);
    }
    add_copied(dict.entries.size());
    stack_.push(std::move(dict));
  }

  void push_list(const std::vector<PickleId>& arguments) {
    PickleSequence list;
    if (!arguments.empty()) {
      if (const auto* same = stack_.get<PickleSequence>(arguments.back())) list = *same;
    }
    add_copied(list.items.size());
    stack_.push(std::move(list));
  }

  std::vector<std::pair<PickleId, PickleId>> entries_of(const std::vector<PickleId>& pairs) {
    std::vector<std::pair<PickleId, PickleId>> entries;
    for (const PickleId each : pairs) {
      const auto* pair = stack_.get<PickleSequence>(each);
      if (pair == nullptr || pair->items.size() != 2) reader_.fail("a dict of what are no pairs");
      entries.emplace_back(pair->items[0], pair->items[1]);
    }
    return entries;
  }

  /// A few bytes can ask for a copy of a long list again and again.
  void add_copied(std::size_t items) {
    copied_ += items;
    if (copied_ > kMaxPickleValues) reader_.fail("copies its lists too often");
  }

  PickleBytesReader reader_;
  PickleStack stack_;
  std::size_t copied_ = 0;
};

}  // namespace

Pickle unpickle(std::span<const std::byte> bytes, const std::filesystem::path& path, std::size_t offset) {
  return Unpickler(bytes, path, offset).run();
}

}  // namespace margay::model
