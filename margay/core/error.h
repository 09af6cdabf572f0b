#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace margay::core {

/// What a program returns to its shell.
enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kBadData = 3,
  kInterrupted = 130,
  kReaderGone = 141  ///< whoever read the output has ended (`| head`): what SIGPIPE makes of other programs
};

/// The base class of Margay's own errors. Wrong arguments to a public function are std::invalid_argument instead.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The data are at fault: a missing file, a broken image, an image without a label.
/// what() is "PATH: PROBLEM", so the path is always named; control characters in it are spelled out.
class DataError : public Error {
 public:
  DataError(std::filesystem::path path, const std::string& problem);
  const std::filesystem::path& path() const { return path_; }
  const std::string& problem() const { return problem_; }

 private:
  std::filesystem::path path_;
  std::string problem_;
};

/// A file exists but breaks its own format: bad magic, impossible sizes, a missing tensor.
class FormatError : public DataError {
 public:
  using DataError::DataError;
};

/// A file of a format that a newer Margay writes. It is whole; this program cannot tell what it says.
class NewerFormatError : public FormatError {
 public:
  using FormatError::FormatError;
};

/// Reading or writing failed in the operating system: no permission, disk full.
class IoError : public Error {
 public:
  IoError(const std::filesystem::path& path, const std::string& problem);
  /// Adds the text of `errno_value` to the problem.
  IoError(const std::filesystem::path& path, const std::string& problem, int errno_value);
};

/// Memory has run out, the main memory or a GPU's. what() says how much more was asked for, where that is known, and
/// what to do.
class OutOfMemoryError : public Error {
 public:
  using Error::Error;
};

/// The user asked to stop. Everything that must be kept has been written by then.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// A bug in Margay: an assumption that MARGAY_CHECK found broken.
class InternalError : public Error {
 public:
  using Error::Error;
};

/// The exit status a program gives for an error: 3 for data, 2 for std::invalid_argument, 130 for
/// an interrupt, 1 for everything else.
ExitCode exit_code(const std::exception& error);

/// Whether the error of another library says that memory has run out: std::bad_alloc, or the words of LibTorch, CUDA,
/// cuBLAS or cuDNN. Never true for Margay's own errors, which may quote such words.
bool says_out_of_memory(const std::exception& error);

/// Margay's form of an error for which says_out_of_memory holds: "out of memory (39 MB more were asked for); REMEDY".
/// remedy: what the user can do, with fields of options between backquotes.
OutOfMemoryError out_of_memory(const std::exception& error, std::string_view remedy);

/// What the error of another library says, on one line: without the stack frames that LibTorch appends, and with blanks
/// for line breaks.
std::string without_stack_frames(std::string_view what);

[[noreturn]] void check_failed(const char* condition, const char* file, int line, const std::string& message);

}  // namespace margay::core

/// Checks an assumption of Margay's own code. For the caller's mistakes throw std::invalid_argument instead.
#define MARGAY_CHECK(condition, message)                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      ::margay::core::check_failed(#condition, __FILE__, __LINE__, (message)); \
    }                                                                          \
  } while (false)
