#include "margay/model/weights/pickle/unpickler.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "margay/core/error.h"
#include "margay/model/weights/pickle/allowed_globals.h"
#include "tests/support/thrown_message.h"
#include "tests/support/torch_writer.h"

namespace margay::model {
namespace {

using testing_support::global;
using testing_support::little_endian;
using testing_support::pickle_of;
using testing_support::pickled;
using testing_support::thrown_message;

Pickle unpickle_text(const std::string& bytes) { return unpickle(std::as_bytes(std::span(bytes)), "x.pth"); }

std::string pickle_refusal(const std::string& bytes) {
  return thrown_message<core::FormatError>([&] { unpickle_text(bytes); });
}

template <class T>
T root_of(const std::string& content) {
  const Pickle pickle = unpickle_text(pickle_of(content));
  const T* root = pickle.get<T>(pickle.root);
  if (root == nullptr) throw std::runtime_error("found " + pickle.kind(pickle.root));
  return *root;
}

TEST(Unpickler, ReadsNumbersOfEveryForm) {
  EXPECT_EQ(root_of<std::int64_t>("K\xff"), 255);
  EXPECT_EQ(root_of<std::int64_t>("M\x01\x02"), 513);
  EXPECT_EQ(root_of<std::int64_t>("J\xff\xff\xff\xff"), -1);
  EXPECT_EQ(root_of<std::int64_t>(std::string("\x8a\x00", 2)), 0);
  EXPECT_EQ(root_of<std::int64_t>("\x8a\x01\x80"), -128);
  EXPECT_EQ(root_of<std::int64_t>(std::string("\x8b\x02\0\0\0\xff\x7f", 7)), 32767);
  EXPECT_EQ(root_of<double>(std::string("G\x3f\xf8\0\0\0\0\0\0", 9)), 1.5);
  EXPECT_TRUE(root_of<bool>("\x88"));
  EXPECT_EQ(root_of<PickleBigInteger>("\x8a\x09" + std::string(9, 'x')).bytes.size(), 9U);
}

TEST(Unpickler, ReadsContainersWithSharedValues) {
  const Pickle pickle =
      unpickle_text(pickle_of("](K\x01q\x05h\x05K\x02"
                              "eK\x03"
                              "a"));
  const auto* list = pickle.get<PickleSequence>(pickle.root);
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 4U);
  EXPECT_EQ(list->items[0], list->items[1]);
  EXPECT_EQ(*pickle.get<std::int64_t>(list->items[3]), 3);
}

TEST(Unpickler, ReadsAnOrderedDictAsADict) {
  const Pickle pickle = unpickle_text(
      pickle_of(global("collections", "OrderedDict") + ")R" + pickled("a") + "K\x01s}b"));  // with attributes
  const auto* dict = pickle.get<PickleDict>(pickle.root);
  ASSERT_NE(dict, nullptr);
  ASSERT_NE(pickle.find(*dict, "a"), nullptr);
  EXPECT_EQ(pickle.find(*dict, "b"), nullptr);
}

TEST(Unpickler, OfEqualKeysTheLastCounts) {
  const Pickle pickle = unpickle_text(pickle_of("}" + pickled("a") + "K\x01s" + pickled("a") + "K\x02s"));
  const PickleId* value = pickle.find(*pickle.get<PickleDict>(pickle.root), "a");
  EXPECT_EQ(*pickle.get<std::int64_t>(*value), 2);
}

TEST(Unpickler, TakesDownACallWithoutMakingIt) {
  const auto call = root_of<PickleCall>(global("argparse", "Namespace") + ")\x81}" + pickled("lr") + "K\x01sb");
  EXPECT_NE(call.callable, call.arguments);
}

TEST(Unpickler, RefusesByNameWhatIsNotInTheTable) {
  for (const auto& [module, name] :
       std::vector<std::pair<std::string, std::string>>{{"posix", "system"},
                                                        {"os", "system"},
                                                        {"builtins", "eval"},
                                                        {"builtins", "getattr"},
                                                        {"__builtin__", "exec"},
                                                        {"subprocess", "Popen"},
                                                        {"torch.storage", "_load_from_bytes"},
                                                        {"torch", "load"},
                                                        {"torch.hub", "load"},
                                                        {"torch._utils", "_rebuild_sparse_tensor"},
                                                        {"torch.nn.modules.linear", "Linear"},
                                                        {"runpy", "_run_code"},
                                                        {"fastai.learner", "Learner"}}) {
    const std::string call = pickle_refusal(pickle_of(global(module, name) + pickled("touch owned") + "\x85R"));
    EXPECT_NE(call.find("x.pth: [pickle] at byte 2: it wants " + module + "." + name + "; refused"), std::string::npos)
        << call;
    const std::string by_stack = pickle_refusal(pickle_of(pickled(module) + pickled(name) + "\x93)R"));
    EXPECT_NE(by_stack.find("it wants " + module + "." + name), std::string::npos) << by_stack;
  }
}

TEST(Unpickler, TakesNoAttributeOfAnAllowedNameForAllowed) {
  EXPECT_EQ(kind_of_global("collections.OrderedDict"), GlobalKind::kDict);
  EXPECT_EQ(kind_of_global("collections.OrderedDict.update"), GlobalKind::kRefused);
  EXPECT_EQ(kind_of_global("torch.float32"), GlobalKind::kTorch);
  EXPECT_EQ(kind_of_global("torch.cuda.FloatStorage"), GlobalKind::kTorch);
  EXPECT_EQ(kind_of_global("torch.FloatStorage.from_file"), GlobalKind::kRefused);
  EXPECT_EQ(kind_of_global("torch."), GlobalKind::kRefused);
  EXPECT_EQ(kind_of_global(""), GlobalKind::kRefused);
}

TEST(Unpickler, KeepsNamesFromSteeringTheTerminal) {
  const std::string message = pickle_refusal(pickle_of(global("evil\x1b[2J", std::string(1000, 'n'))));
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_LT(message.size(), 500U);
}

TEST(Unpickler, RefusesWhatTorchNeverWrites) {
  EXPECT_NE(pickle_refusal(pickle_of("I1\n")).find("opcode 0x49"), std::string::npos);               // text forms
  EXPECT_NE(pickle_refusal(pickle_of("(iposix\nsystem\n")).find("opcode 0x69"), std::string::npos);  // INST
  EXPECT_NE(pickle_refusal(pickle_of("\x82\x01")).find("opcode 0x82"), std::string::npos);           // EXT1
  EXPECT_NE(pickle_refusal("\x80\x06N.").find("pickle protocol 6; those from 2 to 5 are read"), std::string::npos);
}

TEST(Unpickler, RefusesStacksThatDoNotHold) {
  for (const char* content : {"0",
                              "(0",
                              "t",
                              "e",
                              "a",
                              "]a",
                              "K\x01K\x02",
                              "(",
                              "R",
                              "NNR",
                              "]NR",
                              "2",
                              "h\x07",
                              "Q",
                              "b",
                              "\x85",
                              "NK\x01"
                              "a",
                              "N(K\x01K\x02u",
                              "}(K\x01u",
                              "K\x01(eK\x01",
                              "\x93",
                              "NN\x93",
                              "\x94"}) {
    EXPECT_NE(pickle_refusal(pickle_of(content)), "") << content;
  }
}

TEST(Unpickler, DoesNotBelieveLengths) {
  const std::string huge = little_endian(~std::uint64_t{0}, 8);
  for (const std::string& content :
       {"X" + huge.substr(0, 4), "\x8d" + huge, "\x8e" + huge, "\x96" + huge, "B" + huge.substr(0, 4),
        "T" + huge.substr(0, 4), "\x8b" + huge.substr(0, 4), "U" + huge.substr(0, 1), "\x8c" + huge.substr(0, 1)}) {
    EXPECT_NE(pickle_refusal("\x80\x02" + content).find("bytes are announced, 0 are left"), std::string::npos)
        << content;
  }
  EXPECT_NE(pickle_refusal("\x80\x02"
                           "cposix"),
            "");  // a name without an end
}

TEST(Unpickler, SurvivesCyclesAndDepth) {
  EXPECT_EQ(root_of<PickleSequence>("]q\x01h\x01"
                                    "a")
                .items.size(),
            1U);  // a list within itself
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "]";
  for (int i = 0; i < 199'999; ++i) deep += "a";
  EXPECT_EQ(root_of<PickleSequence>(deep).items.size(), 1U);
}

TEST(Unpickler, RefusesBombs) {
  EXPECT_NE(pickle_refusal(pickle_of(std::string(kMaxPickleValues + 1, 'N'))).find("more than 2097152 values"),
            std::string::npos);
  EXPECT_NE(pickle_refusal(pickle_of(std::string(kMaxPickleValues + 1, '('))).find("groups at once"),
            std::string::npos);
  EXPECT_NE(pickle_refusal(pickle_of("N" + std::string(kMaxPickleValues + 1, '2'))).find("values at once"),
            std::string::npos);
  std::string copies = "](" + std::string(100'000, 'N') + "eq\x01" + global("builtins", "set") + "q\x02";
  for (int i = 0; i < 100; ++i) copies += "h\x02h\x01\x85R";
  EXPECT_NE(pickle_refusal(pickle_of(copies)).find("copies its lists too often"), std::string::npos);
  std::string doubled = "]q\x01";  // ten lists of ten lists of …: shared, so small
  for (int i = 0; i < 100; ++i)
    doubled +=
        "q\x01"
        "0](" +
        std::string("h\x01h\x01h\x01h\x01h\x01h\x01") + "e";
  EXPECT_EQ(root_of<PickleSequence>(doubled).items.size(), 6U);
}

TEST(Unpickler, SaysHowLongThePickleWas) {
  EXPECT_EQ(unpickle_text(pickle_of("N") + "rest").bytes, 4U);
  const std::string bytes = "\x80\x02N!";
  EXPECT_NE(thrown_message<core::FormatError>([&] {
              unpickle(std::as_bytes(std::span(bytes)), "x", 100);
            }).find("at byte 103:"),
            std::string::npos);
}

RC_GTEST_PROP(UnpicklerProperty, AnyBytesAreReadOrRefused, (std::string bytes)) {
  try {
    const Pickle pickle = unpickle_text("\x80\x02" + bytes);
    RC_ASSERT(pickle.root < pickle.values.size());
  } catch (const core::FormatError&) {
  }
}

RC_GTEST_PROP(UnpicklerProperty, AnyOpcodesAreReadOrRefused, ()) {
  static const std::string opcodes = "(.012NKMJU]})ltdaesuqhcRbQ\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x94\x95";
  std::string bytes = "\x80\x04";
  for (const std::uint8_t draw : *rc::gen::arbitrary<std::vector<std::uint8_t>>())
    bytes += opcodes[draw % opcodes.size()];
  try {
    const Pickle pickle = unpickle_text(bytes);
    RC_ASSERT(pickle.root < pickle.values.size());
  } catch (const core::FormatError&) {
  }
}

}  // namespace
}  // namespace margay::model
