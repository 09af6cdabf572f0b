#include "margay/model/weights/file_reader.h"

#include <chrono>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

namespace fs = std::filesystem;
using testing_support::thrown_message;

class FileReaderTest : public testing::Test {
 protected:
  FileReaderTest() {
    testing_support::write(path(), "0123456789");
    fs::last_write_time(path(), fs::last_write_time(path()) - std::chrono::hours(1));  // whatever the clock's steps are
  }

  fs::path path() const { return folder_ / "weights"; }
  std::string refusal(const FileReader& file) const {
    return thrown_message<core::FormatError>([&] { file.read_all(); });
  }
  static std::string text_of(const at::Tensor& bytes) {
    return {static_cast<const char*>(bytes.data_ptr()), bytes.nbytes()};
  }

  const testing_support::TemporaryFolder folder_;
};

TEST_F(FileReaderTest, ReadsTheWholeOrItsBeginningOrAPart) {
  const FileReader file(path());
  EXPECT_EQ(file.size(), 10U);
  EXPECT_EQ(text_of(file.read_all()), "0123456789");
  EXPECT_EQ(text_of(file.read_first(3)), "012");
  EXPECT_EQ(text_of(file.read_first(11)), "0123456789");
  const at::Tensor part = torch::empty({4}, torch::kByte);
  file.read(bytes_of(part), 5);
  EXPECT_EQ(text_of(part), "5678");
}

TEST_F(FileReaderTest, RefusesAFileThatIsCutBetweenTwoReads) {
  const FileReader file(path());
  EXPECT_EQ(text_of(file.read_first(3)), "012");
  fs::resize_file(path(), 7);
  EXPECT_EQ(refusal(file), path().string() + ": was cut to 7 bytes while it was read");
  EXPECT_THROW(file.read_first(3), core::FormatError) << "what is left is of another file";
}

TEST_F(FileReaderTest, RefusesAFileThatIsWrittenBetweenTwoReads) {
  const FileReader rewritten(path());
  std::fstream(path(), std::ios::in | std::ios::out) << "01x";
  EXPECT_EQ(refusal(rewritten),
            path().string() + ": was written by another program while it was read; try again when that is done");
  const FileReader longer(path());
  std::ofstream(path(), std::ios::app) << "more";
  EXPECT_NE(refusal(longer).find("was written by another program"), std::string::npos);
}

TEST_F(FileReaderTest, GoesOnWithAFileThatIsReplacedOrDeleted) {
  const FileReader file(path());
  testing_support::write(folder_ / "new", "abc");
  fs::rename(folder_ / "new", path());
  EXPECT_EQ(text_of(file.read_all()), "0123456789");
  fs::remove(path());
  EXPECT_EQ(text_of(file.read_all()), "0123456789");
}

TEST_F(FileReaderTest, RefusesWhatIsNoFileOrLargerThanTheMemory) {
  EXPECT_THROW(FileReader(folder_.path()), core::DataError);
  EXPECT_THROW(FileReader(folder_ / "none"), core::DataError);
  fs::resize_file(path(), std::uintmax_t{1} << 42U);  // sparse
  const std::string message = thrown_message<core::DataError>([&] { FileReader(path()).read_all(); });
  EXPECT_NE(message.find(" of memory that are free"), std::string::npos) << message;
}

}  // namespace
}  // namespace margay::model
