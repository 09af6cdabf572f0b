#include "margay/export/onnx_model.h"

#include <array>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/export/onnx_names.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::exporting {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;

std::string bytes_of(const OnnxModel& model) {
  std::string bytes;
  serialize_onnx(model, [&](std::string_view piece) { bytes += piece; });
  return bytes;
}

std::string written_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// y = x + 1 for one float.
OnnxModel plus_one() {
  OnnxModel model;
  model.producer = "p";
  model.producer_version = "1";
  model.graph = "g";
  model.tensors.push_back(onnx_floats("b", {1}, std::array{1.0F}));
  model.nodes.push_back({"Add", "n", {"x", "b"}, {"y"}, {{"k", std::int64_t{7}}}});
  model.inputs.push_back({.name = "x", .shape = {"N"}});
  model.outputs.push_back({.name = "y", .shape = {std::int64_t{3}}});
  return model;
}

/// A constant of `count` floats beside it.
OnnxModel with_large_constant(std::int64_t count) {
  OnnxModel model = plus_one();
  model.tensors.push_back(onnx_floats("large", {count}, std::vector<float>(static_cast<std::size_t>(count), 0.5F)));
  return model;
}

TEST(OnnxModel, IsWrittenFieldByFieldAsOnnxProtoSays) {
  const std::string node = std::string(
                               "\x0A\x01x\x0A\x01"
                               "b\x12\x01y\x1A\x01n\x22\x03"
                               "Add",
                               17) +
                           std::string("\x2A\x08\x0A\x01k\x18\x07\xA0\x01\x02", 10);
  const std::string tensor(
      "\x08\x01\x10\x01\x42\x01"
      "b\x4A\x04\x00\x00\x80\x3F",
      13);
  const std::string input("\x0A\x01x\x12\x0B\x0A\x09\x08\x01\x12\x05\x0A\x03\x12\x01N", 16);
  const std::string output("\x0A\x01y\x12\x0A\x0A\x08\x08\x01\x12\x04\x0A\x02\x08\x03", 15);
  const auto field = [](char tag, const std::string& content) {
    return std::string{tag, static_cast<char>(content.size())} + content;
  };
  const std::string graph =
      field('\x0A', node) + field('\x12', "g") + field('\x2A', tensor) + field('\x5A', input) + field('\x62', output);
  const std::string expected = std::string(
                                   "\x08\x08\x12\x01p\x1A\x01"
                                   "1",
                                   8) +
                               field('\x3A', graph) + field('\x42', std::string("\x0A\x00\x10\x12", 4));
  EXPECT_EQ(bytes_of(plus_one()), expected);
}

TEST(OnnxModel, GivesTheSameBytesAgain) {
  EXPECT_EQ(bytes_of(with_large_constant(500)), bytes_of(with_large_constant(500)));
}

TEST(OnnxModel, HoldsItsOwnHash) {
  OnnxModel model = plus_one();
  model.metadata.emplace_back(kSealKey, "");
  std::string bytes = bytes_of(model);
  const std::string digits = bytes.substr(bytes.find(kSealKey) + std::string(kSealKey).size() + 2, 64);
  bytes.replace(bytes.find(digits), 64, std::string(64, '0'));
  core::Sha256 sum;
  sum.update({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  EXPECT_EQ(digits, sum.finish());
}

TEST(OnnxModel, KeepsLargeConstantsBesideAFileThatWouldBeTooLarge) {
  const TemporaryFolder folder;
  const OnnxModel model = with_large_constant(1000);
  const auto files = write_onnx(folder / "m.onnx", model, 3000);
  ASSERT_EQ(files, (std::vector{folder / "m.onnx", folder / "m.onnx.data"}));
  EXPECT_EQ(written_bytes(files[1]), model.tensors[1].elements());
  const std::string graph = written_bytes(files[0]);
  EXPECT_NE(graph.find("m.onnx.data"), std::string::npos);
  EXPECT_LT(graph.size(), 300U);
}

TEST(OnnxModel, BeginsConstantsBesideItAtWholePages) {
  const TemporaryFolder folder;
  OnnxModel model = with_large_constant(1000);
  model.tensors.push_back(onnx_floats("second", {256}, std::vector<float>(256, 0.25F)));
  write_onnx(folder / "m.onnx", model, 3000);
  const std::string data = written_bytes(folder / "m.onnx.data");
  EXPECT_EQ(data.size(), 4096U + 1024U);
  EXPECT_EQ(data.substr(4096), model.tensors[2].elements());
  EXPECT_EQ(data.substr(4000, 96), std::string(96, '\0'));
}

TEST(OnnxModel, LeavesNoHalfFileOnAFullDisk) {
  const TemporaryFolder folder;
  write_onnx(folder / "m.onnx", plus_one());
  const std::string before = written_bytes(folder / "m.onnx");
  {
    const testing_support::FileSizeLimit limit(10'000);
    EXPECT_THROW(write_onnx(folder / "m.onnx", with_large_constant(10'000)), core::IoError);
    EXPECT_THROW(write_onnx(folder / "new.onnx", with_large_constant(10'000), 3000), core::IoError);
  }
  EXPECT_EQ(written_bytes(folder / "m.onnx"), before);
  EXPECT_FALSE(std::filesystem::exists(folder / "new.onnx"));
  EXPECT_FALSE(std::filesystem::exists(folder / "new.onnx.data"));
}

TEST(OnnxModel, RefusesTextThatIsNotUtf8) {
  OnnxModel model = plus_one();
  model.metadata.emplace_back("licence", "caf\xE9");
  EXPECT_EQ(thrown_message<core::Error>([&] { bytes_of(model); }),
            "[onnx] the metadata licence is not UTF-8, which ONNX files are written in: \"caf<E9>\"");
}

TEST(OnnxModel, FindsNodesThatReadWhatNobodyMakes) {
  OnnxModel model = plus_one();
  model.nodes[0].inputs[1] = "c";
  EXPECT_THROW(check_onnx(model), core::InternalError);
  model = plus_one();
  model.nodes[0].outputs[0] = "x";
  EXPECT_THROW(check_onnx(model), core::InternalError);
  model = plus_one();
  model.outputs[0].name = "z";
  EXPECT_THROW(check_onnx(model), core::InternalError);
}

TEST(OnnxModel, RefusesConstantsOfAnotherSize) {
  EXPECT_THROW(onnx_floats("b", {2}, std::array{1.0F}), std::invalid_argument);
  EXPECT_EQ(floats_of(onnx_floats("b", {2}, std::array{1.0F, 2.0F})), (std::vector{1.0F, 2.0F}));
  EXPECT_THROW(floats_of(onnx_integers("b", {1}, std::array{std::int64_t{1}})), std::invalid_argument);
}

}  // namespace
}  // namespace margay::exporting
