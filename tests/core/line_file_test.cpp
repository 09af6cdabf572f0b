#include "margay/core/line_file.h"

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"

namespace margay::core {
namespace {

using testing_support::file_content;
using testing_support::TemporaryFolder;

TEST(LineFile, GrowsByWholeLines) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "new/list.csv";
  {
    LineFile file(path);
    file.append("a\n");
    file.append("b\nc\n");
    file.sync();
  }
  LineFile again(path);
  EXPECT_EQ(again.read(), "a\nb\nc\n");
  again.append("d\n");
  EXPECT_EQ(file_content(path), "a\nb\nc\nd\n");
}

TEST(LineFile, ALineThatWasCutGoesBeforeTheNextOne) {
  const TemporaryFolder folder;
  testing_support::write(folder / "list", "whole\ncut in the mid");
  LineFile file(folder / "list");
  EXPECT_EQ(file.read(), "whole\n");
  file.append("next\n");
  EXPECT_EQ(file_content(folder / "list"), "whole\nnext\n");
}

TEST(LineFile, AFullDiskLeavesItAsItWas) {
  const TemporaryFolder folder;
  LineFile file(folder / "list");
  file.append("one\n");
  {
    const testing_support::FileSizeLimit limit(100);
    EXPECT_THROW(file.append(std::string(200, 'x') + "\n"), IoError);
  }
  EXPECT_EQ(file_content(folder / "list"), "one\n");
  file.append("two\n");
  EXPECT_EQ(file_content(folder / "list"), "one\ntwo\n");
}

}  // namespace
}  // namespace margay::core
