#include "margay/data/source/content_checksums.h"

#include <cstddef>
#include <new>
#include <string>

#include <gtest/gtest.h>

#include "margay/core/error.h"

namespace margay::data {
namespace {

TEST(ContentChecksums, StayUnknownForImagesThatCannotBeRead) {
  ContentChecksums sums(3);
  sums.note(1, 7);
  sums.read_missing([](std::size_t i) -> ImageSource { throw core::DataError(std::to_string(i), "broken"); });
  EXPECT_FALSE(sums.of(0).has_value());
  EXPECT_EQ(sums.of(1), 7U);
}

TEST(ContentChecksums, PassOnWhatIsNoFaultOfTheImageFromAnyThread) {
  ContentChecksums sums(200);
  EXPECT_THROW(sums.read_missing([](std::size_t) -> ImageSource { throw std::bad_alloc(); }), std::bad_alloc);
}

}  // namespace
}  // namespace margay::data
