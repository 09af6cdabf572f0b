#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/machine.h"

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

TEST(Memory, IsReadFromALineInKilobytes) {
  const char* text = "MemTotal:       24105 kB\nMemAvailableX: 1 kB\nMemAvailable:   22025 kB\nSwap:  0 kB";
  EXPECT_EQ(parse_kb_line(text, "MemAvailable"), 22025U * 1024);
  EXPECT_EQ(parse_kb_line(text, "Swap"), 0U);
  EXPECT_EQ(parse_kb_line(text, "Missing"), std::nullopt);
  EXPECT_EQ(parse_kb_line("Broken: many kB", "Broken"), std::nullopt);
}

TEST(Memory, OfThisProcessGrowsWithWhatItTouches) {
  const std::uint64_t before = resident_memory_bytes();
  const std::vector<char> block(64 << 20, 'x');
  EXPECT_GT(resident_memory_bytes(), before + (32U << 20)) << static_cast<int>(block[1000]);
}

TEST(Memory, ThatIsAvailableIsSomeAndNotMoreThanAMachineHas) {
  EXPECT_GT(available_memory_bytes(), 1U << 20);
  EXPECT_LT(available_memory_bytes(), std::uint64_t{1} << 50);
}

}  // namespace

}  // namespace margay::core
