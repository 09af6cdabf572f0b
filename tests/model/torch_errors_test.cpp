#include "margay/model/torch_errors.h"

#include <new>
#include <stdexcept>
#include <string>

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"

namespace margay::model {
namespace {

template <class Error, class Compute>
std::string own_message(const Compute& compute) {
  try {
    with_own_errors("use less", compute);
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(OwnErrors, SayWhatLibTorchSaysOnOneLineWithoutStackFrames) {
  const std::string message = own_message<core::Error>([] { torch::ones({2, 3}).mm(torch::ones({2, 3})); });
  EXPECT_TRUE(message.starts_with("LibTorch: mat1 and mat2 shapes cannot be multiplied")) << message;
  EXPECT_EQ(message.find("frame #"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

TEST(OwnErrors, NameTheRemedyWhereTheCpuHasNoMemoryLeft) {
  const auto too_much = [] { torch::empty({std::int64_t{1} << 55}); };
  EXPECT_EQ(own_message<core::OutOfMemoryError>(too_much),
            "out of memory (144115188.1 GB more were asked for); use less");
  EXPECT_EQ(own_message<core::OutOfMemoryError>([] { throw std::bad_alloc(); }), "out of memory; use less");
}

TEST(OwnErrors, KnowHowCudaSaysIt) {
  const auto on_gpu = [] {
    TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8 GiB)");
  };
  EXPECT_EQ(own_message<core::OutOfMemoryError>(on_gpu),
            "out of memory on the GPU (2 GiB more were asked for); use less");
  const auto in_cublas = [] {
    TORCH_CHECK(false, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`");
  };
  EXPECT_EQ(own_message<core::OutOfMemoryError>(in_cublas), "out of memory on the GPU; use less");
}

TEST(OwnErrors, LeaveOtherErrorsAsTheyAre) {
  EXPECT_EQ(own_message<std::invalid_argument>([] { throw std::invalid_argument("out of memory"); }), "out of memory");
  EXPECT_EQ(own_message<core::DataError>([] { throw core::DataError("a.jpg", "cut"); }), "a.jpg: cut");
  EXPECT_EQ(with_own_errors("use less", [] { return 3; }), 3);
}

}  // namespace
}  // namespace margay::model
