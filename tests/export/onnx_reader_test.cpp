#include "margay/export/onnx_reader.h"

#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/protobuf_writer.h"
#include "margay/core/random.h"
#include "margay/export/onnx_names.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::exporting {
namespace {

namespace fs = std::filesystem;

/// One of everything that Margay writes.
OnnxModel model_of_all_parts() {
  OnnxModel model;
  model.producer = kOnnxProducer;
  model.producer_version = "1.2";
  model.graph = "a graph";
  model.inputs = {{.name = "pixels",
                   .type = OnnxType::kUint8,
                   .shape = {std::string("N"), std::int64_t{3}},
                   .denotation = "IMAGE",
                   .dimension_denotations = {"DATA_BATCH", "DATA_FEATURE"}}};
  model.outputs = {{.name = "logits", .shape = {std::string("N"), std::int64_t{2}}}};
  model.tensors = {onnx_floats("weight", {2, 3}, std::vector<float>{1, -2, 3, .5F, 0, 7}),
                   onnx_integers("axes", {1}, std::vector<std::int64_t>{-1})};
  model.nodes = {{.op = "Conv",
                  .name = "conv",
                  .inputs = {"pixels", "weight", ""},
                  .outputs = {"logits"},
                  .attributes = {{"group", std::int64_t{4}},
                                 {"epsilon", 0.5F},
                                 {"mode", std::string("linear")},
                                 {"pads", std::vector<std::int64_t>{1, 2, -3, 4}},
                                 {"scales", std::vector<float>{1, 2.5F}}}}};
  model.metadata = {{kClassesKey, R"(["a","b"])"}, {kSealKey, ""}};
  return model;
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_content(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

class OnnxReader : public ::testing::Test {
 protected:
  std::string problem_of(const std::string& bytes) {
    write_content(path_, bytes);
    return testing_support::thrown_message<core::FormatError>([&] { read_onnx(path_); });
  }

  testing_support::TemporaryFolder folder_;
  fs::path path_ = folder_ / "model.onnx";
};

TEST_F(OnnxReader, ReadsTheModelThatWasWritten) {
  const OnnxModel written = model_of_all_parts();
  write_onnx(path_, written);
  const OnnxFile file = read_onnx(path_);
  EXPECT_EQ(file.bytes, fs::file_size(path_));
  EXPECT_EQ(file.sha256, core::sha256_of_file(path_));
  EXPECT_EQ(file.metadata(kClassesKey), R"(["a","b"])");
  EXPECT_FALSE(file.metadata("nothing"));
  const OnnxModel& read = file.model;
  EXPECT_EQ(read.nodes[0].attributes, written.nodes[0].attributes);
  EXPECT_EQ(read.nodes[0].inputs, written.nodes[0].inputs);
  EXPECT_EQ(read.tensors[0].shape, written.tensors[0].shape);
  EXPECT_EQ(floats_of(read.tensors[0]), floats_of(written.tensors[0]));
  EXPECT_EQ(read.inputs[0].dimension_denotations, written.inputs[0].dimension_denotations);
  EXPECT_EQ(read.inputs[0].denotation, "IMAGE");
  write_onnx(folder_ / "again.onnx", read);
  EXPECT_EQ(content_of(folder_ / "again.onnx"), content_of(path_));
}

TEST_F(OnnxReader, ReadsConstantsBesideTheModel) {
  OnnxModel model = model_of_all_parts();
  std::vector<float> many(1000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i);
  model.tensors.push_back(onnx_floats("many", {1000}, many));
  write_onnx(path_, model, /*most_bytes=*/1000);
  const OnnxFile file = read_onnx(path_);
  ASSERT_EQ(file.data.size(), 1U);
  EXPECT_EQ(file.data[0].sha256, core::sha256_of_file(folder_ / "model.onnx.data"));
  EXPECT_EQ(floats_of(file.model.tensors[2]), many);
  EXPECT_EQ(file.seal, file.sealed_sha256);
  fs::resize_file(folder_ / "model.onnx.data", 100);
  EXPECT_THROW(read_onnx(path_), core::FormatError);
  fs::remove(folder_ / "model.onnx.data");
  EXPECT_THROW(read_onnx(path_), core::DataError);
}

TEST_F(OnnxReader, KnowsWhetherTheFileIsAsItWasWritten) {
  write_onnx(path_, model_of_all_parts());
  const std::string whole = content_of(path_);
  EXPECT_EQ(read_onnx(path_).seal, read_onnx(path_).sealed_sha256);
  int read = 0;
  for (std::size_t byte = 0; byte < whole.size(); byte += 3) {
    for (const unsigned bit : {0U, 5U}) {
      std::string changed = whole;
      changed[byte] = static_cast<char>(static_cast<unsigned char>(changed[byte]) ^ (1U << bit));
      write_content(path_, changed);
      try {
        const OnnxFile file = read_onnx(path_);
        EXPECT_NE(file.seal, file.sealed_sha256) << "byte " << byte << ", bit " << bit;
        ++read;
      } catch (const core::DataError&) {  // or it is refused at once
      }
    }
  }
  EXPECT_GT(read, 30);
}

TEST_F(OnnxReader, TellsFilesOfOthers) {
  OnnxModel model = model_of_all_parts();
  model.producer = "pytorch";
  write_onnx(path_, model);
  const std::string problem = problem_of(content_of(path_));
  EXPECT_NE(problem.find("an ONNX file of pytorch, not one of Margay's"), std::string::npos) << problem;
}

TEST_F(OnnxReader, TellsWhatIsNoOnnxFile) {
  for (const char* bytes : {"", "GIF89a and more", "<!doctype html><html></html>", "PK\x03\x04"}) {
    EXPECT_NE(problem_of(bytes).find("is no ONNX file that Margay can read"), std::string::npos) << bytes;
  }
  EXPECT_THROW(read_onnx(folder_ / "missing.onnx"), core::DataError);
  EXPECT_THROW(read_onnx(folder_.path()), core::DataError);
  write_onnx(path_, model_of_all_parts());
  EXPECT_THROW(read_onnx(path_, {.file_bytes = 10}), core::FormatError);
  EXPECT_THROW(read_onnx(path_, {.parts = 10}), core::FormatError);
}

TEST_F(OnnxReader, NamesTheFieldThatIsWrong) {
  const auto file_of = [](const core::ProtobufMessage& graph) {
    return core::ProtobufMessage().add_integer(1, 8).add_bytes(2, kOnnxProducer).add_message(7, graph).bytes();
  };
  using Message = core::ProtobufMessage;
  const Message attribute = Message().add_bytes(1, "body").add_integer(20, 5);
  const std::string problem =
      problem_of(file_of(Message().add_message(1, Message()).add_message(1, Message().add_message(5, attribute))));
  EXPECT_NE(problem.find("graph.node[1].attribute[0]: an attribute of type 5"), std::string::npos) << problem;
  const Message short_tensor = Message().add_integer(1, 4).add_integer(2, 1).add_bytes(8, "w").add_bytes(9, "abc");
  EXPECT_NE(
      problem_of(file_of(Message().add_message(5, short_tensor))).find("'w' has 3 bytes where its shape takes 16"),
      std::string::npos);
  const Message huge =
      Message().add_integer(1, std::int64_t{1} << 40).add_integer(1, std::int64_t{1} << 40).add_integer(2, 1);
  EXPECT_NE(problem_of(file_of(Message().add_message(5, huge))).find("graph.initializer[0]"), std::string::npos);
  EXPECT_NE(problem_of(file_of(Message().add_message(15, Message()))).find("has the field 15"), std::string::npos);
}

TEST_F(OnnxReader, ReadsNoFileFromElsewhere) {
  using Message = core::ProtobufMessage;
  for (const char* place : {"../secret", "/etc/passwd", "", "..", "folder/file"}) {
    const Message location = Message().add_bytes(1, "location").add_bytes(2, place);
    const Message tensor =
        Message().add_integer(1, 1).add_integer(2, 1).add_bytes(8, "w").add_message(13, location).add_integer(14, 1);
    const std::string problem = problem_of(Message()
                                               .add_integer(1, 8)
                                               .add_bytes(2, kOnnxProducer)
                                               .add_message(7, Message().add_message(5, tensor))
                                               .bytes());
    EXPECT_NE(problem.find("only a file beside the model"), std::string::npos) << problem;
  }
}

TEST_F(OnnxReader, SurvivesDamage) {
  write_onnx(path_, model_of_all_parts());
  const std::string whole = content_of(path_);
  core::Random random{5};
  for (int i = 0; i < 200; ++i) {
    std::string damaged = whole.substr(0, 1 + random.below(whole.size()));
    for (int change = 0; change < 3; ++change) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    write_content(path_, damaged);
    try {
      for (const OnnxTensor& tensor : read_onnx(path_).model.tensors) {
        EXPECT_EQ(tensor.elements().size(), tensor.bytes());
      }
    } catch (const core::DataError&) {
    }
  }
}

}  // namespace
}  // namespace margay::exporting
