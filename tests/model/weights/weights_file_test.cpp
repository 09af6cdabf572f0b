#include "margay/model/weights/weights_file.h"

#include <string>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/torch_writer.h"

namespace margay::model {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

class WeightsFileTest : public testing::Test {
 protected:
  std::string refusal(const std::filesystem::path& path) const {
    return thrown_message<core::DataError>([&] { read_weights(path); });
  }

  std::string refusal_of(const std::string& bytes) const {
    write(folder_ / "x", bytes);
    return refusal(folder_ / "x");
  }

  /// Two files and their index.
  void write_shards(const std::string& first, const std::string& second, const std::string& index) const {
    write(folder_ / index, R"({"metadata": {"total_size": 24}, "weight_map": {"a": ")" + first + R"(", "b": ")" +
                               second + R"(", "c": ")" + second + R"("}})");
  }

  const TensorMap one_{{"a", torch::ones({2})}};
  const TensorMap two_{{"b", torch::zeros({3})}, {"c", torch::full({1}, 2.0)}};
  const TemporaryFolder folder_;
};

TEST_F(WeightsFileTest, GoesByTheBytesNotByTheName) {
  write_safetensors(folder_ / "a.pth", one_, {{"key", "value"}});
  write(folder_ / "b.safetensors", testing_support::torch_zip_of(one_));
  write(folder_ / "c.bin", testing_support::torch_legacy_of(one_));
  EXPECT_EQ(read_weights(folder_ / "a.pth").format, "safetensors");
  EXPECT_EQ(read_weights(folder_ / "a.pth").metadata, (Metadata{{"key", "value"}}));
  EXPECT_EQ(read_weights(folder_ / "b.safetensors").format, "PyTorch (zip)");
  EXPECT_EQ(read_weights(folder_ / "c.bin").format, "PyTorch (before 1.6)");
  for (const char* name : {"a.pth", "b.safetensors", "c.bin"}) {
    EXPECT_TRUE(torch::equal(read_weights(folder_ / name).tensors.at("a"), one_.at("a"))) << name;
  }
}

TEST_F(WeightsFileTest, JoinsTheFilesOfAnIndex) {
  write_safetensors(folder_ / "1.safetensors", one_);
  write_safetensors(folder_ / "2.safetensors", two_);
  write_shards("1.safetensors", "2.safetensors", "model.safetensors.index.json");
  for (const std::filesystem::path& path : {folder_ / "model.safetensors.index.json", folder_.path()}) {
    const WeightsFile file = read_weights(path);
    EXPECT_EQ(file.format, "safetensors in 2 files");
    ASSERT_EQ(file.tensors.size(), 3U);
    EXPECT_TRUE(torch::equal(file.tensors.at("c"), two_.at("c")));
  }
}

TEST_F(WeightsFileTest, JoinsFilesOfTorch) {
  write(folder_ / "1.bin", testing_support::torch_zip_of(one_));
  write(folder_ / "2.bin", testing_support::torch_zip_of(two_));
  write_shards("1.bin", "2.bin", "pytorch_model.bin.index.json");
  EXPECT_EQ(read_weights(folder_.path()).tensors.size(), 3U);
}

TEST_F(WeightsFileTest, RefusesAnIndexThatDoesNotHold) {
  const std::filesystem::path index = folder_ / "model.safetensors.index.json";
  write_safetensors(folder_ / "1.safetensors", one_);
  write_safetensors(folder_ / "2.safetensors", {{"b", torch::zeros({3})}});
  write_shards("1.safetensors", "2.safetensors", index.filename());
  EXPECT_NE(refusal(index).find("'c' is not in 2.safetensors"), std::string::npos);
  write_shards("1.safetensors", "3.safetensors", index.filename());
  EXPECT_NE(refusal(index).find("3.safetensors"), std::string::npos);
  for (const char* outside : {"../1.safetensors", "/etc/passwd", "..", "", "sub/1"}) {
    write_shards("1.safetensors", outside, index.filename());
    EXPECT_NE(refusal(index).find("expected the name of a file beside the index"), std::string::npos) << outside;
  }
  for (const char* text :
       {"{", "{}", R"({"weight_map": []})", R"({"weight_map": {"a": 1}})", R"({"weight_map": {}})"}) {
    write(index, text);
    EXPECT_NE(refusal(index), "") << text;
  }
}

TEST_F(WeightsFileTest, AnIndexOfListsWithinListsIsRefused) {
  constexpr std::size_t kDepth = 500'000;
  write(folder_ / "i.json", R"({"weight_map": {"a": )" + std::string(kDepth, '[') + std::string(kDepth, ']') + "}}");
  EXPECT_NE(refusal(folder_ / "i.json").find("lists within lists"), std::string::npos);
}

TEST_F(WeightsFileTest, ANestedIndexIsNotFollowed) {
  write(folder_ / "i.json", R"({"weight_map": {"a": "i.json"}})");
  EXPECT_NE(refusal(folder_ / "i.json"), "");
}

TEST_F(WeightsFileTest, TakesTheOnlyWeightsOfAFolder) {
  write(folder_ / "README.md", "words");
  EXPECT_NE(refusal(folder_.path()).find("the folder holds no weights"), std::string::npos);
  write_safetensors(folder_ / "net.safetensors", one_);
  EXPECT_EQ(read_weights(folder_.path()).tensors.size(), 1U);
  EXPECT_EQ(weights_file_of(folder_.path()), folder_ / "net.safetensors");
  write(folder_ / "net.pth", testing_support::torch_zip_of(one_));
  EXPECT_NE(refusal(folder_.path()).find("holds 2 files of weights; name one of them: net.pth, net.safetensors"),
            std::string::npos);
  write_safetensors(folder_ / "model.safetensors", two_);  // the name that publishers use
  EXPECT_EQ(read_weights(folder_.path()).tensors.size(), 2U);
}

TEST_F(WeightsFileTest, NamesWhatLiesInThePlaceOfWeights) {
  EXPECT_NE(refusal_of("<!DOCTYPE html><html></html>").find("this is a web page"), std::string::npos);
  EXPECT_NE(refusal_of("version https://git-lfs.github.com/spec/v1\n").find("git lfs pull"), std::string::npos);
  EXPECT_NE(refusal_of("\x1f\x8b\x08").find("compressed (gzip)"), std::string::npos);
  EXPECT_NE(refusal_of(std::string(257, 'x') + "ustar").find("a tar archive"), std::string::npos);
  EXPECT_NE(refusal_of("").find("[safetensors]"), std::string::npos);
  EXPECT_NE(refusal(folder_ / "nothing").find("cannot be opened"), std::string::npos);
}

}  // namespace
}  // namespace margay::model
