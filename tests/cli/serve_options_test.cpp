#include "apps/cli/serve_options.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::cli {
namespace {

TEST(ServeOptions, AModelIsServedUnderItsFilesNameOrAnotherOne) {
  const auto files = served_files({"a/b/pets.margay", "cats=runs/x/model.margay"});
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].name, "pets");
  EXPECT_EQ(files[0].file, "a/b/pets.margay");
  EXPECT_EQ(files[1].name, "cats");
  EXPECT_EQ(files[1].file, "runs/x/model.margay");
}

TEST(ServeOptions, AFileWhoseNameHasAnEqualsSignIsAFile) {
  const testing_support::TemporaryFolder folder;
  testing_support::write(folder / "a=b.margay", "x");
  const std::string file = folder / "a=b.margay";
  EXPECT_NE(testing_support::thrown_message<UsageError>([&] { served_files({file}); }).find("NAME="),
            std::string::npos);
  EXPECT_EQ(served_files({"c=" + file})[0].file, file);
}

TEST(ServeOptions, NamesThatAreNoneOrComeTwiceAreRefusedWithTheRemedy) {
  EXPECT_EQ(testing_support::thrown_message<UsageError>([] { served_files({"my pets.margay"}); }),
            "'my pets' cannot be a model's name in an address; use letters, digits, - _ and .: margay serve "
            "NAME='my pets.margay'");
  for (const char* name : {"=x.margay", "a/b=x.margay", "ä=x.margay", "a b=x.margay"}) {
    EXPECT_THROW(served_files({name}), UsageError) << name;
  }
  EXPECT_EQ(testing_support::thrown_message<UsageError>([] {
              served_files({"a/model.margay", "b/model.margay"});
            }),
            "a/model.margay and b/model.margay would both be served as 'model'; name them: margay serve "
            "NAME=a/model.margay NAME=b/model.margay");
}

}  // namespace
}  // namespace margay::cli
