#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace margay::cli {

/// One line saying what is wrong with the command line and what to do: for an unknown flag or command the nearest
/// there is.
std::string explain(const std::string& problem, const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace margay::cli
