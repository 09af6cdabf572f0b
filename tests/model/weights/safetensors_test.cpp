#include <chrono>
#include <cstring>
#include <fstream>
#include <limits>
#include <span>
#include <stop_token>
#include <thread>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/core/random.h"
#include "margay/model/weights/safetensors.h"
#include "margay/model/weights/safetensors_header.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::file_content;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

/// The bytes of a file with this header, written by hand.
std::string file_of(const std::string& header, const std::string& data) {
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(header.size() >> (8 * i) & 0xFFU);
  return length + header + data;
}

void expect_same(const torch::Tensor& found, const torch::Tensor& expected) {
  ASSERT_EQ(found.scalar_type(), expected.scalar_type());
  ASSERT_EQ(found.sizes(), expected.sizes());
  const torch::Tensor dense = expected.contiguous();
  if (dense.numel() == 0) return;
  EXPECT_EQ(std::memcmp(found.data_ptr(), dense.data_ptr(), dense.nbytes()), 0);
}

class SafetensorsTest : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_ / "x.safetensors"; }

  SafetensorsFile read_bytes(const std::string& bytes) const {
    std::ofstream(path(), std::ios::binary) << bytes;
    return read_safetensors(path());
  }

  /// What reading a file with this header says, without the path.
  std::string refusal(const std::string& header, const std::string& data = "12345678") const {
    const std::string message = thrown_message<core::FormatError>([&] { read_bytes(file_of(header, data)); });
    const std::string prefix = path().string() + ": [safetensors] ";
    EXPECT_EQ(message.substr(0, prefix.size()), prefix);
    return message.size() < prefix.size() ? message : message.substr(prefix.size());
  }

  const TemporaryFolder folder_;
};

TEST_F(SafetensorsTest, RoundTripsEveryDtypeBitForBit) {
  torch::manual_seed(1);
  TensorMap tensors;
  for (const torch::Dtype dtype : {torch::kDouble, torch::kFloat, torch::kHalf, torch::kBFloat16, torch::kLong,
                                   torch::kInt, torch::kShort, torch::kChar, torch::kByte, torch::kBool}) {
    tensors[c10::toString(dtype)] = torch::randint(0, 2, {3, 5}, torch::kLong).to(dtype);
  }
  tensors["special"] = torch::tensor({0.0F, -0.0F, std::numeric_limits<float>::quiet_NaN(), INFINITY, 1e-42F});
  write_safetensors(path(), tensors, {{"key", "value"}, {"ünï", "\"quoted\"\n"}});
  const SafetensorsFile file = read_safetensors(path());
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) expect_same(file.tensors.at(name), tensor);
  EXPECT_EQ(file.metadata, (Metadata{{"key", "value"}, {"ünï", "\"quoted\"\n"}}));
  EXPECT_EQ(read_safetensors_metadata(path()), file.metadata);
}

TEST_F(SafetensorsTest, KeepsScalarsAndEmptyTensors) {
  const TensorMap tensors{{"scalar", torch::tensor(7.5)},
                          {"empty", torch::empty({0})},
                          {"flat", torch::empty({3, 0, 2}, torch::kHalf)},
                          {"one", torch::ones({1, 1, 1})}};
  write_safetensors(path(), tensors);
  const SafetensorsFile file = read_safetensors(path());
  for (const auto& [name, tensor] : tensors) expect_same(file.tensors.at(name), tensor);
  write_safetensors(path(), {});
  EXPECT_TRUE(read_safetensors(path()).tensors.empty());
}

TEST_F(SafetensorsTest, WritesAnyLayoutInRowMajorOrder) {
  const torch::Tensor base = torch::arange(48, torch::kFloat).view({2, 3, 2, 4});
  const TensorMap tensors{{"channels_last", base.contiguous(torch::MemoryFormat::ChannelsLast)},
                          {"transposed", base.transpose(0, 3)},
                          {"every_other", base.slice(3, 0, 4, 2)}};
  write_safetensors(path(), tensors);
  const SafetensorsFile file = read_safetensors(path());
  for (const auto& [name, tensor] : tensors) expect_same(file.tensors.at(name), tensor);
}

TEST_F(SafetensorsTest, WritesTheDocumentedBytes) {
  write_safetensors(path(), {{"b", torch::tensor({1, 2}, torch::kByte)}, {"a", torch::tensor({1.0F})}});
  std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                       R"("b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(file_content(path()), file_of(header, std::string("\0\0\x80\x3f\1\2", 6)));
}

TEST_F(SafetensorsTest, GivesTensorsThatDoNotSeeTheFileBeingCutOrWrittenAnew) {
  write_safetensors(path(), {{"x", torch::ones({100'000})}});
  const std::string before = file_content(path());
  const torch::Tensor x = read_safetensors(path()).tensors.at("x");
  std::filesystem::resize_file(path(), 100);
  EXPECT_TRUE(x.eq(1).all().item<bool>());  // of a mapping, this would end the process with SIGBUS
  std::ofstream(path(), std::ios::binary) << std::string(before.size(), '\1');
  EXPECT_TRUE(x.eq(1).all().item<bool>());
}

TEST_F(SafetensorsTest, ReadsWholeFilesOrRefusesThemWhileAnotherProgramWritesThem) {
  write_safetensors(path(), {{"x", torch::ones({100'000})}});
  const std::string whole = file_content(path());
  std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::ofstream(path(), std::ios::binary) << whole;  // cut to nothing, then longer and longer
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  for (int i = 0; i < 100; ++i) {
    try {
      EXPECT_TRUE(read_safetensors(path()).tensors.at("x").eq(1).all().item<bool>());
    } catch (const core::FormatError&) {  // the only error allowed
    }
  }
}

TEST_F(SafetensorsTest, GivesTensorsWhoseChangesDoNotReachTheFile) {
  write_safetensors(path(), {{"x", torch::zeros({4})}});
  const std::string before = file_content(path());
  torch::Tensor x = read_safetensors(path()).tensors.at("x");  // outlives the rest
  x.fill_(1);
  EXPECT_EQ(file_content(path()), before);
  write_safetensors(path(), {{"x", torch::full({4}, 2.0)}});
  EXPECT_TRUE(torch::equal(x, torch::ones({4})));
}

TEST_F(SafetensorsTest, ReadsMisalignedTensors) {
  const std::string header = R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )";  // odd length
  ASSERT_NE(header.size() % 4, 0U);
  EXPECT_EQ(read_bytes(file_of(header, std::string("\0\0\x80\x3f", 4))).tensors.at("x").item<float>(), 1.0F);
}

TEST_F(SafetensorsTest, NamesAMissingFile) {
  const std::string message = thrown_message<core::DataError>([&] { read_safetensors(path()); });
  EXPECT_EQ(message, path().string() + ": cannot be opened (No such file or directory)");
  EXPECT_THROW(read_safetensors(folder_.path()), core::DataError);
}

TEST_F(SafetensorsTest, RefusesImpossibleHeaderLengths) {
  EXPECT_THROW(read_bytes(""), core::FormatError);
  EXPECT_THROW(read_bytes("1234567"), core::FormatError);
  EXPECT_THROW(read_bytes(std::string(8, '\xff')), core::FormatError);
  EXPECT_THROW(read_bytes(std::string(8, '\0')), core::FormatError);
  EXPECT_THROW(read_bytes(std::string("\x03\0\0\0\0\0\0\0{}", 10)), core::FormatError);
}

TEST_F(SafetensorsTest, RefusesHeadersThatAreNoObject) {
  EXPECT_EQ(refusal("[]"), "the header is not a JSON object");
  EXPECT_NE(refusal("{").find("the header is not JSON"), std::string::npos);
  EXPECT_NE(refusal("{\"a\":\"\xff\"}").find("the header is not JSON"), std::string::npos);
  EXPECT_NE(refusal(R"({"x":{"dtype":"F64","shape":[NaN],"data_offsets":[0,8]}})").find("not JSON"), std::string::npos);
  EXPECT_EQ(refusal(R"({"a":[[[[[[[)"), "the header is nested too deeply");
  EXPECT_EQ(refusal(std::string(1000, '[')), "the header is nested too deeply");
}

TEST_F(SafetensorsTest, RefusesDuplicateKeys) {
  const std::string entry = R"("x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]})";
  EXPECT_EQ(refusal("{" + entry + "," + entry + "}"), "the header has two 'x'");
  EXPECT_EQ(refusal(R"({"x":{"dtype":"F64","dtype":"F32","shape":[1],"data_offsets":[0,8]}})"),
            "the header has two 'dtype'");
}

TEST_F(SafetensorsTest, RefusesWrongTensorEntries) {
  const auto of_x = [&](const std::string& entry) { return refusal(R"({"x":)" + entry + "}"); };
  EXPECT_EQ(of_x("3"), "tensor 'x': expected an object, found 3");
  EXPECT_EQ(of_x(R"({"shape":[1],"data_offsets":[0,8]})"), "tensor 'x': no 'dtype'");
  EXPECT_EQ(of_x(R"({"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]})"),
            "tensor 'x': expected a dtype of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL, found \"F8_E4M3\"");
  EXPECT_EQ(of_x(R"({"dtype":"F64","shape":[-1],"data_offsets":[0,8]})"),
            "tensor 'x': expected whole numbers as shape, found -1");
  EXPECT_EQ(of_x(R"({"dtype":"F64","shape":[1.5],"data_offsets":[0,8]})"),
            "tensor 'x': expected whole numbers as shape, found 1.5");
  EXPECT_EQ(of_x(R"({"dtype":"F64","shape":[2],"data_offsets":[0,8]})"),
            "tensor 'x': shape [2] needs 16 bytes, data_offsets span 8");
  EXPECT_EQ(of_x(R"({"dtype":"F64","shape":[1],"data_offsets":[0,8,9]})"),
            "tensor 'x': expected [begin, end] as data_offsets, found [0,8,9]");
  EXPECT_EQ(of_x(R"({"dtype":"F64","shape":[2],"data_offsets":[0,16]})"),
            "tensor 'x': data_offsets [0, 16] do not lie in the 8 bytes of data");
  EXPECT_EQ(of_x(R"({"dtype":"F64","shape":[1],"data_offsets":[8,0]})"),
            "tensor 'x': data_offsets [8, 0] do not lie in the 8 bytes of data");
}

TEST_F(SafetensorsTest, RefusesShapesThatOverflow) {
  for (const char* shape : {"[4294967296,4294967296]", "[9223372036854775807]", "[18446744073709551615]",
                            "[0,4294967296,4294967296]", "[1e3]", "[99999999999999999999999]"}) {
    const std::string entry = std::string(R"({"x":{"dtype":"F64","shape":)") + shape + R"(,"data_offsets":[0,8]}})";
    EXPECT_NE(refusal(entry).find("tensor 'x'"), std::string::npos) << shape;
  }
  std::string many = "[1";
  for (int i = 0; i < 64; ++i) many += ",1";
  EXPECT_EQ(refusal(R"({"x":{"dtype":"F64","shape":)" + many + R"(],"data_offsets":[0,8]}})"),
            "tensor 'x': more than 64 dimensions: 65");
}

TEST_F(SafetensorsTest, RefusesOverlapsAndHoles) {
  const auto two = [&](const char* a, const char* b) {
    return refusal(std::string(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)") + a +
                   R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}");
  };
  EXPECT_EQ(two("[0,4]", "[2,6]"), "tensor 'b': expected to begin at offset 4, found 2 (tensors overlap)");
  EXPECT_EQ(two("[0,4]", "[0,4]"), "tensor 'b': expected to begin at offset 4, found 0 (tensors overlap)");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})"),
            "tensor 'a': expected to begin at offset 0, found 4 (bytes without owner)");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})"), "4 bytes behind the last tensor");
}

TEST_F(SafetensorsTest, RefusesWrongMetadataAndBools) {
  EXPECT_EQ(refusal(R"({"__metadata__":{"a":1}})", ""), "__metadata__ 'a': expected text, found number");
  EXPECT_EQ(refusal(R"({"__metadata__":[]})", ""), "__metadata__ is not an object");
  EXPECT_EQ(refusal(R"({"x":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", "\1\2"),
            "tensor 'x': BOOL values other than 0 and 1");
}

/// The bytes of a good file, to be damaged.
std::string sample(const std::filesystem::path& path) {
  write_safetensors(path, {{"a", torch::ones({2, 3})}, {"b", torch::ones({4}, torch::kBool)}}, {{"k", "v"}});
  return file_content(path);
}

SafetensorsHeader parse(const std::string& bytes) {
  return parse_safetensors_header(std::as_bytes(std::span(bytes)), bytes.size(), "damaged");
}

TEST_F(SafetensorsTest, SurvivesEveryTruncation) {
  const std::string whole = sample(path());
  EXPECT_NO_THROW(parse(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(parse(whole.substr(0, size)), core::FormatError) << size;
  }
  EXPECT_THROW(parse(whole + "x"), core::FormatError);
}

TEST_F(SafetensorsTest, SurvivesEveryMutationOfItsHeader) {
  const std::string whole = sample(path());
  const std::size_t header_end = whole.size() - 28;
  core::Random random{17};
  for (int round = 0; round < 20000; ++round) {
    std::string broken = whole;
    for (std::uint64_t changes = 1 + random.below(3); changes > 0; --changes) {
      broken[random.below(header_end)] = static_cast<char>(random.below(256));
    }
    try {
      for (const SafetensorsEntry& entry : parse(broken).entries) EXPECT_LE(entry.end, whole.size());
    } catch (const core::FormatError&) {  // the only error allowed
    }
  }
}

TEST_F(SafetensorsTest, WritesNothingItCouldNotRead) {
  EXPECT_THROW(write_safetensors(path(), {{"__metadata__", torch::ones({1})}}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(path(), {{"x", torch::ones({1}, torch::kComplexFloat)}}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(path(), {{"x", torch::Tensor()}}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(path(), {{"x", torch::eye(2).to_sparse()}}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(path(), {{"\xff", torch::ones({1})}}), std::invalid_argument);
  EXPECT_EQ(folder_.size(), 0U);
  EXPECT_THROW(write_safetensors(folder_ / "nowhere" / "x", {}), core::IoError);
}

}  // namespace

}  // namespace margay::model
