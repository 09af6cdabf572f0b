#include <cstdio>
#include <cstdlib>

#include "apps/cli/command.h"
#include "apps/cli/standard_streams.h"

int main(int argc, char** argv) {
  margay::cli::occupy_closed_streams();
  const int status = margay::cli::run(argc, argv);
  std::fflush(nullptr);
  std::_Exit(status);  // the destructors of LibTorch's tables of operators take a tenth of a short command's time
}
