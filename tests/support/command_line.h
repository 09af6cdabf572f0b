#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/cli/command.h"

namespace margay::testing_support {

/// What a command left on the terminal.
struct CommandResult {
  int status;
  std::string output;
  std::string errors;
};

/// Runs `margay ARGUMENTS` within this process.
inline CommandResult run_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "margay");
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  const int status = cli::run(static_cast<int>(pointers.size()), pointers.data());
  std::string output = testing::internal::GetCapturedStdout();
  return {status, std::move(output), testing::internal::GetCapturedStderr()};
}

/// Fails, showing the text, unless it has the part.
inline void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "no '" << part << "' in: " << text;
}

}  // namespace margay::testing_support
