#include "margay/core/control_group.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace margay::core {
namespace {

using testing_support::write;
using Version = ControlGroup::Version;

std::vector<std::string> folders_of(const std::vector<ControlGroup>& groups) {
  std::vector<std::string> folders;
  for (const ControlGroup& each : groups) folders.push_back(each.folder.lexically_normal().string());
  return folders;
}

using Folders = std::vector<std::string>;

TEST(ControlGroups, OfVersionTwoAreTheOwnOneAndAllAroundIt) {
  const auto groups = control_groups("cpu", "0::/user.slice/work.scope\n",
                                     "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(folders_of(groups),
            (Folders{"/sys/fs/cgroup/user.slice/work.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup/"}));
  EXPECT_EQ(groups.front().version, Version::kTwo);
}

TEST(ControlGroups, OfVersionOneAreThoseOfTheController) {
  const std::string membership = "5:memory:/a/b\n4:cpuset:/other\n3:cpu,cpuacct:/jobs/7\n";
  const std::string mounts =
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
      "34 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  const auto groups = control_groups("cpu", membership, mounts);
  EXPECT_EQ(folders_of(groups), (Folders{"/sys/fs/cgroup/cpu,cpuacct/jobs/7", "/sys/fs/cgroup/cpu,cpuacct/jobs",
                                         "/sys/fs/cgroup/cpu,cpuacct/"}));
  EXPECT_EQ(groups.front().version, Version::kOne);
  EXPECT_EQ(folders_of(control_groups("memory", membership, mounts)).front(), "/sys/fs/cgroup/memory/a/b");
}

TEST(ControlGroups, InAContainerAreTheMountThoughProcNamesThemByTheHostsPath) {
  const std::string mounts = "40 39 0:25 /docker/f00d /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
  EXPECT_EQ(folders_of(control_groups("cpu", "3:cpu:/docker/f00d\n", mounts)), Folders{"/sys/fs/cgroup/cpu/"});
  EXPECT_EQ(folders_of(control_groups("cpu", "3:cpu:/\n", mounts)), Folders{"/sys/fs/cgroup/cpu/"});
  EXPECT_EQ(folders_of(control_groups("cpu", "3:cpu:/../../else\n", mounts)), Folders{"/sys/fs/cgroup/cpu/"});
  EXPECT_EQ(folders_of(control_groups("cpu", "3:cpu:/docker/f00dling\n", mounts)), Folders{"/sys/fs/cgroup/cpu/"});
  EXPECT_EQ(folders_of(control_groups("cpu", "3:cpu:/docker/f00d/inner\n", mounts)),
            (Folders{"/sys/fs/cgroup/cpu/inner", "/sys/fs/cgroup/cpu/"}));
}

TEST(ControlGroups, OfBothVersionsCountWhereASystemHasBoth) {
  const std::string mounts =
      "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(
      folders_of(control_groups("cpu", "1:cpu:/a\n0::/b\n", mounts)),
      (Folders{"/sys/fs/cgroup/cpu/a", "/sys/fs/cgroup/cpu/", "/sys/fs/cgroup/unified/b", "/sys/fs/cgroup/unified/"}));
}

TEST(ControlGroups, AreWhereTheyUsuallyAreIfTheSystemDoesNotSay) {
  EXPECT_EQ(folders_of(control_groups("cpu", "", "")), (Folders{"/sys/fs/cgroup/", "/sys/fs/cgroup/cpu/"}));
  EXPECT_EQ(folders_of(control_groups("cpu", "nonsense\n:\n", "1 2 3\n - cgroup\n")),
            (Folders{"/sys/fs/cgroup/", "/sys/fs/cgroup/cpu/"}));
}

TEST(ControlGroups, MayLieInFoldersWithBlanks) {
  const auto groups = control_groups("cpu", "0::/\n", "31 23 0:28 / /my\\040groups rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(folders_of(groups), Folders{"/my groups/"});
}

/// Groups around each other in a folder of their own: ./a/b, ./a, .
class LimitsOfGroups : public testing::TestWithParam<Version> {
 protected:
  /// In place of the names of version 2: "cpu" "150000 100000".
  void limit(const std::string& group, const std::string& quota_and_period) const {
    if (GetParam() == Version::kTwo) return write(folder_ / group / "cpu.max", quota_and_period + "\n");
    const std::size_t blank = quota_and_period.find(' ');
    const std::string quota = quota_and_period.substr(0, blank);
    write(folder_ / group / "cpu.cfs_quota_us", (quota == "max" ? "-1" : quota) + "\n");
    write(folder_ / group / "cpu.cfs_period_us", quota_and_period.substr(blank + 1) + "\n");
  }

  void memory(const std::string& group, const std::string& limit, int used, int old_files) const {
    const bool is_two = GetParam() == Version::kTwo;
    write(folder_ / group / (is_two ? "memory.max" : "memory.limit_in_bytes"), limit + "\n");
    write(folder_ / group / (is_two ? "memory.current" : "memory.usage_in_bytes"), std::to_string(used) + "\n");
    write(folder_ / group / "memory.stat", "anon 1\n" + std::string(is_two ? "" : "inactive_file 1\ntotal_") +
                                               "inactive_file " + std::to_string(old_files) + "\n");
  }

  std::vector<ControlGroup> groups() const {
    return {{folder_ / "a/b", GetParam()}, {folder_ / "a", GetParam()}, {folder_.path(), GetParam()}};
  }

  testing_support::TemporaryFolder folder_;
};

TEST_P(LimitsOfGroups, OfCpusAreTheTightestAndNeedNotBeWhole) {
  EXPECT_EQ(cpu_limit(groups()), std::nullopt);
  limit("a", "max 100000");
  EXPECT_EQ(cpu_limit(groups()), std::nullopt);
  limit(".", "800000 100000");
  EXPECT_EQ(cpu_limit(groups()), 8);
  limit("a", "765000 100000");
  EXPECT_EQ(cpu_limit(groups()), 7.65);
  limit("a/b", "25000 50000");
  EXPECT_EQ(cpu_limit(groups()), 0.5);
}

TEST_P(LimitsOfGroups, OfMemoryAreTheLeastThatIsLeft) {
  const std::string none = GetParam() == Version::kTwo ? "max" : "9223372036854771712";
  EXPECT_EQ(memory_left(groups()), std::nullopt);
  memory(".", none, 10, 0);
  EXPECT_EQ(memory_left(groups()), std::nullopt);
  memory("a", "1000", 300, 100);
  EXPECT_EQ(memory_left(groups()), 800U) << "files that were read long ago are given up";
  memory("a/b", "500", 600, 0);
  EXPECT_EQ(memory_left(groups()), 0U);
}

INSTANTIATE_TEST_SUITE_P(Versions, LimitsOfGroups, testing::Values(Version::kOne, Version::kTwo),
                         [](const auto& which) { return std::string(which.param == Version::kOne ? "One" : "Two"); });

TEST(MemoryLeft, CountsTheLimitAboveWhichAGroupIsSlowedDown) {
  const testing_support::TemporaryFolder folder;
  write(folder / "memory.max", "max\n");
  write(folder / "memory.high", "900\n");
  write(folder / "memory.current", "200\n");
  EXPECT_EQ(memory_left({{folder.path(), Version::kTwo}}), 700U);
}

TEST(ParseCpuMax, DividesAQuotaByItsPeriod) {
  EXPECT_EQ(parse_cpu_max("100000 100000"), 1);
  EXPECT_EQ(parse_cpu_max("765000 100000\n"), 7.65);
  EXPECT_EQ(parse_cpu_max("1000 100000"), 0.01);
}

TEST(ParseCpuMax, TakesNonsenseForNoLimit) {
  for (const char* text :
       {"", "max", "max 100000", "100000", "0 100000", "-1 100000", "100000 0", "x y", "99999999999999999999 1"}) {
    EXPECT_EQ(parse_cpu_max(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace margay::core
