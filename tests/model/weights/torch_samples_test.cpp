// Files that torch 1.13 wrote (weights_samples/make_samples), in both of its forms.
#include <filesystem>
#include <span>
#include <string>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/model/weights/state_dict.h"
#include "margay/model/weights/torch_content.h"
#include "margay/model/weights/torch_file.h"
#include "margay/model/weights/weights_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::file_content;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

std::filesystem::path torch_sample(const std::string& name) {
  return std::filesystem::path(MARGAY_SOURCE_DIR) / "tests/model/weights_samples" / name;
}

torch::Tensor numbers(at::IntArrayRef sizes) {
  const torch::Tensor shape = torch::empty(sizes);
  return torch::arange(shape.numel(), torch::kFloat).view(sizes);
}

void expect_same_tensors(const TensorMap& found, const TensorMap& expected) {
  EXPECT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(found.at(name), tensor)) << name << "\n" << found.at(name);
  }
}

class TorchSamples : public testing::TestWithParam<const char*> {
 protected:
  static TorchFile read(const std::string& name) {
    return read_torch_file(torch_sample(name + "_" + GetParam() + ".pth"));
  }
};

INSTANTIATE_TEST_SUITE_P(BothForms, TorchSamples, testing::Values("zip", "legacy"),
                         [](const auto& each) { return std::string(each.param); });

TEST_P(TorchSamples, HaveEveryDtype) {
  const torch::Tensor five = torch::arange(5);
  expect_same_tensors(read("dtypes").tensors, {{"float64", five.to(torch::kDouble)},
                                               {"float32", five.to(torch::kFloat)},
                                               {"float16", five.to(torch::kHalf)},
                                               {"bfloat16", five.to(torch::kBFloat16)},
                                               {"int64", five},
                                               {"int32", five.to(torch::kInt)},
                                               {"int16", five.to(torch::kShort)},
                                               {"int8", five.to(torch::kChar)},
                                               {"uint8", five.to(torch::kByte)},
                                               {"bool", torch::tensor({1, 0, 1}).to(torch::kBool)}});
}

TEST_P(TorchSamples, HaveStridedViewsOfOneStorage) {
  const torch::Tensor base = numbers({4, 6});
  const TensorMap tensors = read("views").tensors;
  expect_same_tensors(tensors, {{"base", base},
                                {"transposed", base.t()},
                                {"column", base.select(1, 2)},
                                {"middle", base.slice(0, 1, 3).slice(1, 1, 5, 2)},
                                {"last", base[3][5]},
                                {"empty", torch::zeros({3, 0, 2})},
                                {"byte", torch::arange(3).to(torch::kByte)},
                                {"channels_last", numbers({2, 3, 2, 2})}});
  EXPECT_TRUE(tensors.at("channels_last").is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_EQ(tensors.at("base").storage().data(), tensors.at("transposed").storage().data());
}

TEST_P(TorchSamples, AreFoundInsideACheckpoint) {
  const TorchFile file = read("checkpoint");
  EXPECT_TRUE(file.format.ends_with(", entry 'state_dict'")) << file.format;
  const TorchFile bare = read("network");
  EXPECT_EQ(file.tensors.size(), 7U);
  for (const auto& [name, tensor] : bare.tensors) {
    EXPECT_TRUE(torch::equal(file.tensors.at("module." + name), tensor)) << name;
  }
}

TEST_P(TorchSamples, OfFastaiHaveTheirModel) {
  const TorchFile file = read("fastai");
  EXPECT_TRUE(file.format.ends_with(", entry 'model'")) << file.format;
  expect_same_tensors(file.tensors,
                      {{"0.0.weight", numbers({2, 3})}, {"0.1.bias", numbers({2})}, {"1.2.weight", numbers({4})}});
}

TEST_P(TorchSamples, MayHoldParameters) {
  expect_same_tensors(read("parameter").tensors, {{"p", numbers({3})}, {"buffer", numbers({2})}});
}

TEST_P(TorchSamples, AreTheSameInEveryPickleProtocol) {
  const TensorMap expected = read("network").tensors;
  for (const char* protocol : {"protocol3", "protocol4", "protocol5"})
    expect_same_tensors(read(protocol).tensors, expected);
}

TEST_P(TorchSamples, ThatWouldRunAProgramAreRefused) {
  const std::string message = thrown_message<core::FormatError>([&] { read("attack"); });
  EXPECT_NE(message.find("it wants posix.system; refused"), std::string::npos) << message;
  EXPECT_FALSE(std::filesystem::exists("owned"));
}

/// All that reading does before tensors are made.
void read_in_memory(const std::string& bytes) {
  const TorchContent content = read_torch_content(std::as_bytes(std::span(bytes)), "memory");
  for (const auto& [name, record] : find_state_dict(content.pickle, "memory").tensors) {
    const StoragePlace place = place_of(name, record, content.storages, "memory");
    EXPECT_LE(place.end, bytes.size());
  }
}

TEST_P(TorchSamples, CutAnywhereAreRefused) {
  for (const char* name : {"views", "checkpoint"}) {
    const std::string bytes = file_content(torch_sample(std::string(name) + "_" + GetParam() + ".pth"));
    ASSERT_FALSE(bytes.empty());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_THROW(read_in_memory(bytes.substr(0, length)), core::FormatError) << length;
    }
  }
}

TEST_P(TorchSamples, WithAnyByteChangedAreReadOrRefused) {
  const TemporaryFolder folder;
  const std::string bytes = file_content(torch_sample(std::string("fastai_") + GetParam() + ".pth"));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x5b);
    try {
      read_in_memory(damaged);
      testing_support::write(folder / "damaged.pth", damaged);
      for (const auto& each : read_weights(folder / "damaged.pth").tensors) EXPECT_LE(each.second.numel(), 100);
    } catch (const core::FormatError&) {
    }
  }
}

TEST(TorchSample, OfAWholeModelIsRefusedWithTheRemedy) {
  const std::string message =
      thrown_message<core::FormatError>([] { read_torch_file(torch_sample("whole_model_zip.pth")); });
  EXPECT_NE(message.find("it wants torch.nn.modules.container.Sequential; refused"), std::string::npos) << message;
  EXPECT_NE(message.find("save model.state_dict()"), std::string::npos) << message;
}

TEST(TorchSample, OfTorchScriptIsRefusedWithTheRemedy) {
  const std::string message = thrown_message<core::FormatError>([] { read_torch_file(torch_sample("script.pt")); });
  EXPECT_NE(message.find("a program of torch.jit.save"), std::string::npos) << message;
}

}  // namespace
}  // namespace margay::model
