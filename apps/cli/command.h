#pragma once

#include <functional>
#include <memory>

#include <CLI/CLI.hpp>

#include "margay/core/error.h"

namespace margay::cli {

/// What the command line asked for; runs after parsing, returns the exit code.
using Action = std::function<core::ExitCode()>;

// Each command declares its flags and, when chosen, sets `action`.
void add_train(CLI::App& app, Action& action);
void add_lr_find(CLI::App& app, Action& action);
void add_evaluate(CLI::App& app, Action& action);
void add_predict(CLI::App& app, Action& action);
void add_explain(CLI::App& app, Action& action);
void add_summary(CLI::App& app, Action& action);
void add_show_batch(CLI::App& app, Action& action);
void add_check(CLI::App& app, Action& action);
void add_models(CLI::App& app, Action& action);
void add_model(CLI::App& app, Action& action);
void add_weights(CLI::App& app, Action& action);
void add_runs(CLI::App& app, Action& action);
void add_sample(CLI::App& app, Action& action);
void add_bench_data(CLI::App& app, Action& action);

/// Parses and runs. Errors go to stderr in one line; the result is the program's exit code.
int run(int argc, const char* const* argv);

}  // namespace margay::cli
