#include "apps/cli/command.h"
#include "apps/cli/standard_streams.h"

int main(int argc, char** argv) {
  margay::cli::occupy_closed_streams();
  return margay::cli::run(argc, argv);
}
