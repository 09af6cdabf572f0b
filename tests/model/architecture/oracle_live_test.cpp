// Every network of the table that has an oracle, compared with the torchvision that is installed. That takes minutes
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

/// Small images, as far as the network allows.
int smallest_px(const std::string& name) {
  if (name.starts_with("vgg")) return 32;
  if (name.find("patch14") != std::string::npos) return 56;
  return name.starts_with("inception") ? 96 : 64;
}

/// Known when the program starts, without asking Python.
std::vector<std::string> networks_with_oracle() {
  std::vector<std::string> names;
  for (const Architecture& each : architectures()) {
    if (!each.oracle.empty()) names.push_back(each.name);
  }
  return names;
}

/// What torchvision's tensors are called here. timm's ViTs have no names of torchvision's of their own.
Naming torchvisions_naming(const Architecture& architecture) {
  const bool is_vit = architecture.family == "ViT";
  return testing_support::naming_of(is_vit ? find_architecture("vit_b_16") : architecture, kTorchvisionOracle);
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
  const char* name_of_script = architecture.oracle == kTorchvisionOracle ? "torchvision_oracle.py" : "timm_oracle.py";
  const auto script = std::filesystem::path(MARGAY_SOURCE_DIR) / "tools" / name_of_script;
  ASSERT_TRUE(run(fmt::format("'{}' {} {}", script.string(), name, smallest_px(name))));
  const nlohmann::json golden = nlohmann::json::parse(output());
  EXPECT_EQ(golden["parameters"].get<std::int64_t>(), architecture.parameters);
  if (architecture.input_px == 224) {  // the oracle's
    EXPECT_NEAR(golden["macs"].get<double>() / 1e9, architecture.gigamacs, 6e-4);
  }
  const Naming naming = torchvisions_naming(architecture);
  testing_support::expect_torchvisions(
      name, golden, [&](const std::string& theirs) { return testing_support::renamed(naming, theirs); });
}

INSTANTIATE_TEST_SUITE_P(Table, TorchvisionLive, testing::ValuesIn(networks_with_oracle()),
                         [](const auto& test) { return test.param; });

TEST_F(InstalledTorchvision, HasNoNetworkThatIsLeftOut) {
  ASSERT_TRUE(run("-c 'import torchvision; print(*torchvision.models.list_models(torchvision.models))'"));
  std::set<std::string> theirs;
  std::ifstream names = output();
  for (std::string name; names >> name;) theirs.insert(name);
  ASSERT_FALSE(theirs.empty());
  for (const Architecture& each : architectures()) {
    EXPECT_EQ(each.oracle == kTorchvisionOracle, theirs.contains(each.name)) << each.name;
  }
}

}  // namespace
}  // namespace margay::model
