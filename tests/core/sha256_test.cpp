#include "margay/core/sha256.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"

namespace margay::core {
namespace {

void add(Sha256& sum, const std::string& text) {
  sum.update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string sha256(const std::string& text) {
  Sha256 sum;
  add(sum, text);
  return sum.finish();
}

TEST(Sha256, GivesNistsExamples) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                   "mnopqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnTheParts) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i);
  for (const std::size_t length : {55U, 56U, 63U, 64U, 65U, 119U, 128U, 300U}) {
    for (const std::size_t part : {1U, 7U, 64U, 100U}) {
      Sha256 sum;
      for (std::size_t at = 0; at < length; at += part) add(sum, text.substr(at, std::min(part, length - at)));
      EXPECT_EQ(sum.finish(), sha256(text.substr(0, length))) << length << " in parts of " << part;
    }
  }
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const testing_support::TemporaryFolder folder;
  testing_support::write(folder / "x", "abc");
  EXPECT_EQ(sha256_of_file(folder / "x"), sha256("abc"));
  EXPECT_THROW(sha256_of_file(folder / "y"), DataError);
}

}  // namespace
}  // namespace margay::core
