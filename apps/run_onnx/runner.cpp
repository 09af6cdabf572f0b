#include "apps/run_onnx/runner.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <span>
#include <stdexcept>

#include <fmt/format.h>
#include <unistd.h>

namespace margay::run_onnx {
namespace {

using exporting::RuntimeTensor;
using exporting::TensorMessage;

/// The other side has ended, or will not say more.
class End : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void read_all(std::span<std::uint8_t> to) {
  while (!to.empty()) {
    const ssize_t got = read(STDIN_FILENO, to.data(), to.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw End("the input has ended");
    to = to.subspan(static_cast<std::size_t>(got));
  }
}

class Answers {
 public:
  /// Keeps standard output for the messages alone.
  Answers() : descriptor_(dup(STDOUT_FILENO)) { dup2(STDERR_FILENO, STDOUT_FILENO); }

  void write(const TensorMessage& message) const {
    const std::vector<std::uint8_t> bytes = exporting::encode(message);
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t sent = ::write(descriptor_, bytes.data() + at, bytes.size() - at);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) throw End("nobody reads");
      at += static_cast<std::size_t>(sent);
    }
  }

 private:
  int descriptor_;
};

TensorMessage answer_to(const TensorMessage& request, const LoadedModel& model) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<RuntimeTensor> outputs = model.run(request.tensors);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  return {.notes = {{"seconds", fmt::format("{:.9f}", taken.count())}}, .tensors = std::move(outputs)};
}

void answer_all(const Answers& answers, const LoadedModel& model) {
  answers.write({.notes = {{"margay_runner", "1"}, {"name", model.name}, {"version", model.version}}, .tensors = {}});
  const exporting::MessageLimits limits{.data_bytes = std::size_t{4} << 30};
  while (true) {
    const TensorMessage request = exporting::read_message(read_all, limits);
    answers.write(answer_to(request, model));
  }
}

}  // namespace

int serve(int argc, char** argv, const std::function<LoadedModel(const std::string& path)>& load) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FILE.onnx (started by margay verify)\n", argv[0]);
    return 2;
  }
  const Answers answers;
  try {
    answer_all(answers, load(argv[1]));
  } catch (const End&) {
    return 0;
  } catch (const std::exception& problem) {
    try {
      answers.write({.notes = {{"error", problem.what()}}, .tensors = {}});
    } catch (const End&) {
    }
  }
  return 1;
}

}  // namespace margay::run_onnx
