#include "margay/core/machine.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace margay::core {
namespace {

TEST(Machine, HasTheNameAndTheBootThatTheSystemTells) {
  std::string name;
  std::getline(std::ifstream("/proc/sys/kernel/hostname"), name);
  EXPECT_EQ(host_name(), name);
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  EXPECT_EQ(boot_id(), boot);
  EXPECT_EQ(boot_id(), boot_id());
}

}  // namespace
}  // namespace margay::core
