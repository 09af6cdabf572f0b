// Every network of the table that torchvision has, compared with the torchvision that is installed. That takes minutes
// (2 to 15 seconds a network), so it is done only where the environment names a Python that can import it:
//
//     MARGAY_TORCHVISION_PYTHON=python3 build/release/tests/model_test --gtest_filter='*Torchvision*'
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/model/architecture/architectures.h"
#include "tests/support/published_network.h"
#include "tests/support/temporary_folder.h"

namespace margay::model {
namespace {

using testing_support::TemporaryFolder;

constexpr const char* kVariable = "MARGAY_TORCHVISION_PYTHON";
constexpr const char* kTorchvision = "torchvision";

/// Small images, as far as the network allows.
int smallest_px(const std::string& name) {
  if (name.starts_with("vgg")) return 32;
  return name.starts_with("inception") ? 96 : 64;
}

bool is_torchvisions(const Architecture& architecture) {
  return architecture.weights_name.starts_with(kTorchvision) ||
         !testing_support::naming_of(architecture, kTorchvision).rules.empty();
}

/// Known when the program starts, without asking Python.
std::vector<std::string> torchvisions_networks() {
  std::vector<std::string> names;
  for (const Architecture& each : architectures()) {
    if (is_torchvisions(each)) names.push_back(each.name);
  }
  return names;
}

class InstalledTorchvision : public testing::Test {
 protected:
  void SetUp() override {
    const char* python = std::getenv(kVariable);
    if (python == nullptr) GTEST_SKIP() << kVariable << " is not set, not compared with torchvision";
    python_ = python;
    if (!run("-c 'import torchvision'")) GTEST_SKIP() << python_ << " cannot import torchvision, not compared";
  }

  /// Standard output goes to a file in the folder.
  bool run(const std::string& arguments) const {
    const std::string output = (folder_ / "output").string();
    return std::system(fmt::format("'{}' {} > '{}'", python_, arguments, output).c_str()) == 0;  // NOLINT: a test
  }

  std::ifstream output() const { return std::ifstream(folder_ / "output"); }

  std::string python_;
  const TemporaryFolder folder_;
};

class TorchvisionLive : public InstalledTorchvision, public testing::WithParamInterface<std::string> {};

TEST_P(TorchvisionLive, ComputesTheSameLogitsAndGradients) {
  const std::string& name = GetParam();
  const Architecture& architecture = find_architecture(name);
  const auto script = std::filesystem::path(MARGAY_SOURCE_DIR) / "tools/torchvision_oracle.py";
  ASSERT_TRUE(run(fmt::format("'{}' {} {}", script.string(), name, smallest_px(name))));
  const nlohmann::json golden = nlohmann::json::parse(output());
  EXPECT_EQ(golden["parameters"].get<std::int64_t>(), architecture.parameters);
  if (architecture.input_px == 224) {  // the oracle's
    EXPECT_NEAR(golden["macs"].get<double>() / 1e9, architecture.gigamacs, 6e-4);
  }
  const Naming naming = testing_support::naming_of(architecture, kTorchvision);
  testing_support::expect_torchvisions(
      name, golden, [&](const std::string& theirs) { return testing_support::renamed(naming, theirs); });
}

INSTANTIATE_TEST_SUITE_P(Table, TorchvisionLive, testing::ValuesIn(torchvisions_networks()),
                         [](const auto& test) { return test.param; });

TEST_F(InstalledTorchvision, HasNoNetworkThatIsLeftOut) {
  ASSERT_TRUE(run("-c 'import torchvision; print(*torchvision.models.list_models(torchvision.models))'"));
  std::set<std::string> theirs;
  std::ifstream names = output();
  for (std::string name; names >> name;) theirs.insert(name);
  ASSERT_FALSE(theirs.empty());
  for (const Architecture& each : architectures()) {
    EXPECT_EQ(is_torchvisions(each), theirs.contains(each.name)) << each.name;
  }
}

}  // namespace
}  // namespace margay::model
