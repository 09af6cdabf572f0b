#include "margay/core/descriptor.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace margay::core {
namespace {

bool is_open_number(int number) { return ::fcntl(number, F_GETFD) >= 0; }

Descriptor opened() { return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST(Descriptor, IsClosedWithItsObject) {
  int number = -1;
  {
    const Descriptor file = opened();
    number = file.number();
    EXPECT_TRUE(is_open_number(number));
  }
  EXPECT_FALSE(is_open_number(number));
}

TEST(Descriptor, HasOneOwner) {
  Descriptor first = opened();
  const int number = first.number();
  Descriptor second = std::move(first);
  EXPECT_EQ(second.number(), number);
  second.close();
  EXPECT_FALSE(is_open_number(number));
  EXPECT_FALSE(second.is_open());
}

TEST(Descriptor, LeavesTheReasonOfAFailureAlone) {
  Descriptor file;
  file = Descriptor(::open("/none/such", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(file.is_open());
}

}  // namespace
}  // namespace margay::core
