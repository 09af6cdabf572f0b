#include "margay/model/weights/torch_file.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/torch_writer.h"

namespace margay::model {
namespace {

using testing_support::global;
using testing_support::pickle_of;
using testing_support::pickled;
using testing_support::PickledTensor;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::zip_of;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

class TorchFileTest : public testing::Test {
 protected:
  TorchFile read(const std::string& bytes) const {
    testing_support::write(folder_ / "x.pth", bytes);
    return read_torch_file(folder_ / "x.pth");
  }

  std::string refusal(const std::string& bytes) const {
    return thrown_message<core::FormatError>([&] { read(bytes); });
  }

  /// A zip file with one tensor "w" over a storage of 16 bytes.
  static std::string with(const std::string& tensor) {
    return zip_of({{"a/data.pkl", pickle_of("}" + pickled("w") + tensor + "s")}, {"a/data/0", std::string(16, '\0')}});
  }

  const TemporaryFolder folder_;
};

TEST_F(TorchFileTest, ReadsWhatTheTestsWrite) {
  const TensorMap state{
      {"a", torch::arange(6.0F).view({2, 3})}, {"b", torch::tensor({1, 2})}, {"c", torch::ones({3}, torch::kHalf)}};
  for (const std::string& bytes : {testing_support::torch_zip_of(state), testing_support::torch_legacy_of(state)}) {
    const TorchFile file = read(bytes);
    ASSERT_EQ(file.tensors.size(), 3U);
    for (const auto& [name, tensor] : state) EXPECT_TRUE(torch::equal(file.tensors.at(name), tensor)) << name;
  }
}

TEST_F(TorchFileTest, KeepsTheMappingAsLongAsATensor) {
  torch::Tensor a = read(testing_support::torch_zip_of({{"a", torch::ones({4})}})).tensors.at("a");
  std::filesystem::remove(folder_ / "x.pth");
  EXPECT_EQ((a += 1).sum().item<float>(), 8);
}

TEST_F(TorchFileTest, ReadsWhatTorch2Writes) {
  // _rebuild_tensor_v3 over bytes, with the dtype behind; and the record of the byte order.
  const std::string tensor = global("torch._utils", "_rebuild_tensor_v3") + "((" + pickled("storage") +
                             global("torch.storage", "UntypedStorage") + pickled("0") + pickled("cpu") + pickled(16) +
                             "tQ" + pickled(1) + pickled(at::IntArrayRef{2}) + pickled(at::IntArrayRef{1}) + "\x89" +
                             global("collections", "OrderedDict") + ")R" + global("torch", "float32") + "tR";
  std::string storage;
  for (const float each : {0.0F, 1.0F, 2.0F, 3.0F}) storage.append(reinterpret_cast<const char*>(&each), sizeof each);
  const auto file_with = [&](const std::string& order) {
    return zip_of(
        {{"m/data.pkl", pickle_of("}" + pickled("w") + tensor + "s")}, {"m/byteorder", order}, {"m/data/0", storage}});
  };
  EXPECT_TRUE(torch::equal(read(file_with("little")).tensors.at("w"), torch::tensor({1.0F, 2.0F})));
  EXPECT_NE(refusal(file_with("big")).find("big-endian"), std::string::npos);
}

TEST_F(TorchFileTest, ReadsTensorsOfBeforeTorch04) {
  // torch.FloatTensor() with (storage, offset, sizes, strides) as its state: the form of VGG's files of 2017.
  const std::string storage =
      "(" + pickled("storage") + global("torch", "FloatStorage") + pickled("0") + pickled("cpu") + pickled(4) + "tQ";
  const std::string tensor = global("torch", "FloatTensor") + ")R(" + storage + pickled(1) +
                             pickled(at::IntArrayRef{2}) + pickled(at::IntArrayRef{1}) + "tb";
  EXPECT_EQ(read(with(tensor)).tensors.at("w").sizes(), at::IntArrayRef{2});
  const std::string parameter = global("torch.nn.parameter", "Parameter") + tensor + "\x85R";
  EXPECT_EQ(read(with(parameter)).tensors.at("w").numel(), 2);
}

TEST_F(TorchFileTest, LooksForWeightsBesideAnAccuracy) {
  const std::string number = pickled(PickledTensor{.elements = 4});
  const std::string weights = pickled(PickledTensor{.elements = 4, .sizes = {4}, .strides = {1}});
  const std::string beside =
      "}(" + pickled("net_state") + "}" + pickled("w") + weights + "s" + pickled("best") + number;
  const auto file = [](const std::string& content) {
    return zip_of({{"a/data.pkl", pickle_of(content + "u")}, {"a/data/0", std::string(16, '\0')}});
  };
  EXPECT_NE(refusal(file(beside)).find("its keys are net_state, best"), std::string::npos);
  EXPECT_EQ(read(file("}(" + pickled("scale") + number)).tensors.size(), 1U) << "nothing else is there";
}

TEST_F(TorchFileTest, RefusesTheSameBytesAgainAndAgain) {
  std::string names = "}(";
  for (int i = 0; i < 1000; ++i) {
    names += pickled("w" + std::to_string(i));
    names += i == 0 ? pickled(PickledTensor{.elements = 100'000, .sizes = {100'000}, .strides = {1}}) + "q\x01"
                    : std::string("h\x01");
  }
  const std::string bytes = zip_of({{"a/data.pkl", pickle_of(names + "u")}, {"a/data/0", std::string(400'000, '\0')}});
  EXPECT_NE(refusal(bytes).find("the same again and again"), std::string::npos);
}

TEST_F(TorchFileTest, RefusesViewsThatDoNotLieInTheirStorage) {
  const std::vector<std::pair<PickledTensor, const char*>> cases = {
      {{.elements = 4, .sizes = {5}, .strides = {1}}, "reach element 4 of a storage of 4"},
      {{.elements = 4, .offset = 4, .sizes = {1}, .strides = {1}}, "reach element 4 of a storage of 4"},
      {{.elements = 4, .offset = -1, .sizes = {1}, .strides = {1}}, "negative numbers"},
      {{.elements = 4, .sizes = {-1}, .strides = {1}}, "negative numbers"},
      {{.elements = 4, .sizes = {2}, .strides = {-1}}, "negative numbers"},
      {{.elements = 4, .sizes = {2, 2}, .strides = {1}}, "sizes [2, 2], but strides [1]"},
      {{.elements = 4, .sizes = {2}, .strides = {kMax}}, "reach element"},
      {{.elements = 4, .sizes = {3}, .strides = {kMax}}, "are too large"},
      {{.elements = 4, .offset = kMax, .sizes = {2}, .strides = {1}}, "are too large"},
      {{.elements = 4, .sizes = {kMax, kMax}, .strides = {0, 0}}, "are too large"},
      {{.elements = 4, .sizes = {0, kMax, kMax}, .strides = {1, 1, 1}}, "are too large"},
      {{.elements = 4, .sizes = {1'000'000}, .strides = {0}}, "repeat the elements of a storage of 4"},
      {{.elements = 5, .sizes = {4}, .strides = {1}}, "a storage of 5 elements in 16 bytes"},
      {{.elements = -1, .sizes = {4}, .strides = {1}}, "a storage of -1 elements"},
      {{.key = "../0", .elements = 4, .sizes = {4}, .strides = {1}}, "no storage '../0'"},
      {{.storage_class = "DoubleStorage", .elements = 4, .sizes = {4}, .strides = {1}},
       "a storage of 4 elements in 16 bytes"}};
  for (const auto& [tensor, expected] : cases) {
    const std::string message = refusal(with(pickled(tensor)));
    EXPECT_NE(message.find(expected), std::string::npos) << message;
    EXPECT_NE(message.find("tensor 'w'"), std::string::npos) << message;
  }
}

TEST_F(TorchFileTest, AllowsTensorsToDisagreeAboutTheLengthOfTheirStorage) {
  const auto named = [](const char* name, std::int64_t elements) {
    return pickled(name) + pickled(PickledTensor{.elements = elements, .sizes = {elements}, .strides = {1}});
  };
  const TorchFile file = read(zip_of(
      {{"a/data.pkl", pickle_of("}(" + named("a", 1) + named("b", 4) + "u")}, {"a/data/0", std::string(16, '\0')}}));
  EXPECT_EQ(file.tensors.at("b").sum().item<float>(), 0);
}

TEST_F(TorchFileTest, RefusesBoolsThatAreNone) {
  const std::string tensor =
      pickled(PickledTensor{.storage_class = "BoolStorage", .elements = 2, .sizes = {2}, .strides = {1}});
  const std::string file =
      zip_of({{"a/data.pkl", pickle_of("}" + pickled("w") + tensor + "s")}, {"a/data/0", "\x01\x02"}});
  EXPECT_NE(refusal(file).find("truth values other than 0 and 1"), std::string::npos);
}

TEST_F(TorchFileTest, RefusesTensorsPutTogetherOtherwise) {
  const std::string rebuild = global("torch._utils", "_rebuild_tensor_v2");
  for (const std::string& tensor :
       {rebuild + ")R", rebuild + "(NNNNtR", global("torch._utils", "_rebuild_parameter") + ")R",
        global("torch._tensor", "_rebuild_from_type_v2") + "(NNNtR", rebuild + "((K\x01K\x02tQK\x01)))tR"}) {
    EXPECT_NE(refusal(with(tensor)).find("not put together as torch does"), std::string::npos);
  }
}

TEST_F(TorchFileTest, LimitsWhatManyTensorsCouldShare) {
  const std::vector<std::int64_t> ones(65, 1);
  EXPECT_NE(refusal(with(pickled(PickledTensor{.elements = 4, .sizes = ones, .strides = ones})))
                .find("more than 16 dimensions"),
            std::string::npos);
  const PickledTensor long_key{.key = std::string(65, '0'), .elements = 4, .sizes = {4}, .strides = {1}};
  EXPECT_NE(refusal(with(pickled(long_key))).find("a storage with a long name"), std::string::npos);
}

TEST_F(TorchFileTest, LooksIntoEveryEntryOnce) {
  std::string entries = "}q\x01(";  // a dict whose entries are itself
  for (const char* name : {"model", "state_dict", "module", "net", "ema"}) entries += pickled(name) + "h\x01";
  const std::string message = refusal(zip_of({{"a/data.pkl", pickle_of(entries + "u")}}));
  EXPECT_NE(message.find("its keys are model, state_dict, module, net, ema"), std::string::npos) << message;
}

TEST_F(TorchFileTest, NamesTheKeysOfACheckpointWithoutStateDict) {
  const std::string message = refusal(with("K\x01"));
  EXPECT_NE(message.find("holds no state dict, which is a dict of tensors by name; its keys are w"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{"a/data.pkl", pickle_of("]")}})).find("expected a dict of tensors, found a list"),
            std::string::npos);
}

TEST_F(TorchFileTest, PrefersAnAverageOfTheWeights) {
  const auto state = [](const char* name) {
    return pickled(name) + "}" + pickled("w") + pickled(PickledTensor{.elements = 4, .sizes = {4}, .strides = {1}}) +
           "s";
  };
  const std::string file =
      zip_of({{"a/data.pkl", pickle_of("}(" + state("state_dict") + state("state_dict_ema") + "u")},
              {"a/data/0", std::string(16, '\0')}});
  EXPECT_EQ(read(file).format, "PyTorch (zip), entry 'state_dict_ema'");
}

TEST_F(TorchFileTest, NamesACompressedEntry) {
  std::string file = with("K\x01");
  file[file.rfind("PK\x01\x02") + 10] = 8;
  EXPECT_NE(refusal(file).find("'a/data/0' is compressed (zip's method 8)"), std::string::npos);
}

TEST_F(TorchFileTest, RefusesOtherZipFilesAndOtherPickles) {
  EXPECT_NE(refusal(zip_of({{"word/document.xml", ""}})).find("a zip file without data.pkl"), std::string::npos);
  EXPECT_NE(refusal(pickle_of("}")).find("a pickle, but none of torch.save"), std::string::npos);
}

}  // namespace
}  // namespace margay::model
