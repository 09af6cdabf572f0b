#include "apps/cli/command.h"

int main(int argc, char** argv) { return margay::cli::run(argc, argv); }
