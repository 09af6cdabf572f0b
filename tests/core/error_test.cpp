#include "margay/core/error.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace margay::core {
namespace {

TEST(Error, NamesThePath) {
  EXPECT_STREQ(DataError("a/b.jpg", "empty file").what(), "a/b.jpg: empty file");
  EXPECT_STREQ(IoError("x", "cannot be written", ENOSPC).what(), "x: cannot be written (No space left on device)");
}

TEST(Error, TellsAProgramItsExitCode) {
  EXPECT_EQ(exit_code(DataError("x", "y")), ExitCode::kBadData);
  EXPECT_EQ(exit_code(FormatError("x", "y")), ExitCode::kBadData);
  EXPECT_EQ(exit_code(std::invalid_argument("x")), ExitCode::kUsage);
  EXPECT_EQ(exit_code(Interrupted("x")), ExitCode::kInterrupted);
  EXPECT_EQ(exit_code(IoError("x", "y")), ExitCode::kFailed);
  EXPECT_EQ(exit_code(std::runtime_error("x")), ExitCode::kFailed);
}

TEST(Error, ChecksStateTheBrokenAssumption) {
  try {
    MARGAY_CHECK(1 + 1 == 3, "arithmetic is broken");
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("arithmetic is broken [1 + 1 == 3 is false at "), std::string::npos);
  }
}

}  // namespace
}  // namespace margay::core
