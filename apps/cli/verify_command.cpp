#include <memory>

#include "apps/cli/command.h"
#include "apps/cli/process.h"
#include "apps/cli/verification.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct VerifyFlags {
  fs::path onnx;
  fs::path model;
  VerificationOptions verification;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "verify_command", {core::field<&VerifyFlags::verification>("verification", "how they are compared")});
    return table;
  }
};

}  // namespace

void add_verify(CommandLine& line) {
  Command& command = line.add("verify", "Check that an ONNX file says what its model says, in every runtime at hand");
  const auto options = std::make_shared<VerifyFlags>();
  command.argument("onnx", options->onnx, "an ONNX file that margay export wrote", Presence::kRequired);
  command.argument("model", options->model, "the model.margay that it was made from", Presence::kRequired);
  command.argument("folder", options->verification.images.folder, "images to compare", Presence::kRequired);
  command.footer(
      "Both get the same pixels, image by image. The certificate goes beside the ONNX file, as .certificate.json and\n"
      ".certificate.html; exit code 1 says that it does not pass.\n"
      "  margay verify pets.onnx pets.margay images\n"
      "  margay verify pets.onnx pets.margay images --runner 'node examples/onnx_runners/onnxruntime_node.mjs'");
  command.flags(*options, kRunnerApart);
  add_runner_flag(command, options->verification);
  takes_unpinned_compute_threads(command);  // a runner would inherit the one processor of a pinned thread
  command.everyday({"--runner", "--num-images", "--ignore-hashes", "--max-logit-difference",
                    "--max-probability-difference", "--max-margin", "--max-accuracy-loss", "--min-agreement", "--part",
                    "--unlabelled", "--device", "--json"});
  command.check([options] {
    if (options->onnx.extension() == ".margay" && options->model.extension() == ".onnx") {
      throw UsageError("the ONNX file comes first: margay verify FILE.onnx MODEL.margay IMAGES");
    }
  });
  command.does([options] { return verify_onnx(options->onnx, options->model, options->verification); });
}

}  // namespace margay::cli
