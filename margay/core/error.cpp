#include "margay/core/error.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <new>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "margay/core/quantity.h"
#include "margay/core/text.h"

namespace margay::core {

DataError::DataError(std::filesystem::path path, const std::string& problem)
    : Error(path.empty() ? problem : spelled_out(path.string()) + ": " + problem),
      path_(std::move(path)),
      problem_(problem) {}

IoError::IoError(const std::filesystem::path& path, const std::string& problem)
    : Error(spelled_out(path.string()) + ": " + problem) {}

IoError::IoError(const std::filesystem::path& path, const std::string& problem, int errno_value)
    : IoError(path, problem + " (" + std::generic_category().message(errno_value) + ")") {}

ExitCode exit_code(const std::exception& error) {
  if (dynamic_cast<const DataError*>(&error) != nullptr) return ExitCode::kBadData;
  if (dynamic_cast<const Interrupted*>(&error) != nullptr) return ExitCode::kInterrupted;
  if (dynamic_cast<const std::invalid_argument*>(&error) != nullptr) return ExitCode::kUsage;
  return ExitCode::kFailed;
}

namespace {

constexpr std::array<std::string_view, 4> kOutOfMemoryWords = {"out of memory", "can't allocate memory",
                                                               "not enough memory", "ALLOC_FAILED"};

/// "39 MB", from LibTorch's "tried to allocate 38535168 bytes"; CUDA's "Tried to allocate 2.00 GiB" is quoted.
std::string asked_for(std::string_view text) {
  constexpr std::string_view kMark = "ried to allocate ";
  const std::size_t mark = text.find(kMark);
  if (mark == std::string_view::npos) return "";
  text.remove_prefix(mark + kMark.size());
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error != std::errc() || end == text.data() + text.size() || *end != ' ') return "";
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  const std::string_view unit = text.substr(0, text.find_first_of(" .,;("));
  if (unit != "bytes") return fmt::format("{:g} {}", amount, unit);
  constexpr double kMost = 1e18;
  return size_text(static_cast<std::uint64_t>(std::clamp(amount, 0.0, kMost)));
}

}  // namespace

bool says_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const Error*>(&error) != nullptr) return false;
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  const std::string text = without_stack_frames(error.what());
  return std::any_of(kOutOfMemoryWords.begin(), kOutOfMemoryWords.end(),
                     [&](std::string_view words) { return text.find(words) != std::string::npos; });
}

OutOfMemoryError out_of_memory(const std::exception& error, std::string_view remedy) {
  const std::string text = without_stack_frames(error.what());
  const std::string amount = asked_for(text);
  const auto says = [&](std::string_view word) { return text.find(word) != std::string::npos; };
  const bool is_gpu = says("CUDA") || says("CUDNN") || says("CUBLAS");
  return OutOfMemoryError(fmt::format("out of memory{}{}; {}", is_gpu ? " on the GPU" : "",
                                      amount.empty() ? "" : fmt::format(" ({} more were asked for)", amount), remedy));
}

std::string without_stack_frames(std::string_view what) {
  for (const std::string_view mark : {"\nException raised from", "\nframe #", "\nC++ CapturedTraceback"}) {
    what = what.substr(0, what.find(mark));
  }
  while (!what.empty() && (what.back() == '\n' || what.back() == ' ')) what.remove_suffix(1);
  std::string line(what);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

void check_failed(const char* condition, const char* file, int line, const std::string& message) {
  throw InternalError(fmt::format("{} [{} is false at {}:{}]", message, condition, file, line));
}

}  // namespace margay::core
