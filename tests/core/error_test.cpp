#include "margay/core/error.h"

#include <cerrno>
#include <new>
#include <stdexcept>
#include <string>

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

TEST(Error, KnowsHowLibrariesSayThatMemoryHasRunOut) {
  EXPECT_TRUE(says_out_of_memory(std::bad_alloc()));
  EXPECT_TRUE(says_out_of_memory(std::runtime_error("CUDA error: out of memory")));
  EXPECT_TRUE(says_out_of_memory(std::runtime_error("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")));
  EXPECT_FALSE(says_out_of_memory(std::runtime_error("mat1 and mat2 shapes cannot be multiplied")));
  EXPECT_FALSE(says_out_of_memory(DataError("out of memory.jpg", "empty file")));
}

TEST(Error, OutOfMemoryNamesTheAmountAndTheRemedyButNoStackFrames) {
  const std::runtime_error cpu(
      "[enforce fail at alloc_cpu.cpp:75] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
      "38535168 bytes. Error code 12 (Cannot allocate memory)\nframe #0: <unknown function> + 0x4c062 (CUDA)");
  EXPECT_STREQ(out_of_memory(cpu, "use a smaller `batch_size`").what(),
               "out of memory (39 MB more were asked for); use a smaller `batch_size`");
  const std::runtime_error gpu("CUDA out of memory. Tried to allocate 2.50 GiB (GPU 0; 79.15 GiB total capacity)");
  EXPECT_STREQ(out_of_memory(gpu, "wait").what(), "out of memory on the GPU (2.5 GiB more were asked for); wait");
  EXPECT_STREQ(out_of_memory(std::bad_alloc(), "wait").what(), "out of memory; wait");
}

TEST(Error, StackFramesOfLibTorchAreCutOff) {
  EXPECT_EQ(without_stack_frames("shapes differ\nException raised from view at a.cpp:1 (most recent call first):\n"
                                 "frame #0: c10::Error::Error(...)"),
            "shapes differ");
  EXPECT_EQ(without_stack_frames("two\nlines\nframe #0: x"), "two lines");
  EXPECT_EQ(without_stack_frames("plain"), "plain");
}

}  // namespace
}  // namespace margay::core
