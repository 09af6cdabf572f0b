#include "apps/cli/verification.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/progress_line.h"
#include "margay/bundle/bundle.h"
#include "margay/core/counted.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/export/certificate.h"
#include "margay/serve/predictor.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using exporting::Certificate;
using exporting::RuntimeVerdict;

std::string certified_difference(double difference) {
  return std::isfinite(difference) ? fmt::format("{:.2g}", difference) : "not finite";
}

std::string certified_percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

std::string runtimes_table(const Certificate& certificate) {
  constexpr auto kLeft = core::TextAlign::kLeft;
  core::TextTable table({{"", kLeft},
                         {"images"},
                         {"logits differ by"},
                         {"of range"},
                         {"probabilities by"},
                         {"decisions"},
                         {"images/s"},
                         {"ms"}});
  const auto speed = [](const exporting::CertifiedSpeed& each) {
    return std::vector<std::string>{fmt::format("{:.1f}", each.images_per_s), fmt::format("{:.1f}", each.median_ms)};
  };
  const auto own = speed(certificate.margay_speed);
  table.add({fmt::format("margay {}", certificate.margay_version), std::to_string(certificate.images), "", "", "", "",
             own[0], own[1]});
  for (const RuntimeVerdict& each : certificate.runtimes) {
    if (each.images == 0) continue;
    const auto its = speed(each.speed);
    table.add({fmt::format("{} {}", each.name, each.version), std::to_string(each.images),
               certified_difference(each.logits.value), certified_difference(each.logits.value / each.logit_range),
               certified_difference(each.probabilities.value), std::to_string(each.disagreements), its[0], its[1]});
  }
  return table.text();
}

std::string accuracy_line(const RuntimeVerdict& runtime) {
  if (!runtime.accuracy) return "";
  const exporting::PairedAccuracy& accuracy = *runtime.accuracy;
  const auto images = static_cast<double>(accuracy.images);
  return fmt::format("{}: accuracy {}, Margay's {}; difference {} [{}, {}] on {}\n", runtime.name,
                     certified_percent(static_cast<double>(accuracy.runtime_right) / images),
                     certified_percent(static_cast<double>(accuracy.margay_right) / images),
                     certified_percent(accuracy.difference.value), certified_percent(accuracy.difference.interval.low),
                     certified_percent(accuracy.difference.interval.high),
                     core::counted(accuracy.images, "labelled image"));
}

std::string decoding_line(const Certificate& certificate) {
  if (!certificate.scaled_decoding) return "";
  const RuntimeVerdict& scaled = *certificate.scaled_decoding;
  const auto decisions = static_cast<std::size_t>(scaled.disagreements);
  return fmt::format(
      "All images were decoded whole. `margay predict` decodes large JPEGs, {} of these, at a part of their size "
      "unless\n"
      "--decode full is given; that changes a probability by {} at most, and {}.\n",
      scaled.images, certified_difference(scaled.probabilities.value), core::counted(decisions, "decision"));
}

std::string certificate_text(const Certificate& certificate) {
  std::string text = fmt::format("{} of {} compared, from {}.\n\n{}\n", certificate.images,
                                 core::counted(certificate.images_there, "image"), core::to_text(certificate.input),
                                 runtimes_table(certificate));
  for (const RuntimeVerdict& each : certificate.runtimes) {
    if (!each.has_run() && !each.was_asked_for) text += each.problem + "\n";
    text += accuracy_line(each);
  }
  text += decoding_line(certificate);
  if (certificate.hashes_ignored) {
    for (const std::string& breach : certificate.hash_breaches) text += "ignored: " + breach + "\n";
  }
  text += certificate.passes() ? "Passes: the ONNX file says what the model says.\n" : "Fails:\n";
  for (const std::string& reason : certificate.reasons()) text += "  " + reason + "\n";
  const auto has_run = [](const RuntimeVerdict& each) { return each.has_run(); };
  if (std::none_of(certificate.runtimes.begin(), certificate.runtimes.end(), has_run)) {
    text += "Name one that can with --runner: Margay's guide has runners for ONNX Runtime (docs/guide/verify.md).\n";
  }
  return text;
}

/// Which images: all of them without labels, or as evaluation takes them.
run::EvaluationOptions images_for(const VerificationOptions& options, const exporting::OnnxFile& file) {
  run::EvaluationOptions images = options.images;
  if (!exporting::is_quantised(file.model) && !images.part) images.unlabelled = true;
  return images;
}

Certificate verified(const exporting::OnnxFile& file, const fs::path& model, const VerificationOptions& options) {
  const bundle::Bundle as_written = bundle::load_bundle(model);  // the predictor folds batch norms into weights
  const serve::Predictor predictor(bundle::load_bundle(model, bundle::GoldenCheck::kLater), {.device = options.device});
  const run::EvaluationSet set(images_for(options, file), predictor.bundle(), model);
  warn_of_each(set.warnings());
  const auto predict = [&](const torch::Tensor& inputs) {
    return predictor.predict_inputs(inputs.to(predictor.device()));
  };
  const auto check_stop = [] {
    if (is_stop_wanted()) throw core::Interrupted("stopped; there is no certificate");
  };
  ProgressLine progress;
  progress.begin("verify");
  return exporting::verify({.onnx = file,
                            .model = model,
                            .bundle = as_written,
                            .pipeline = predictor.pipeline(),
                            .predict = predict,
                            .folder = options.images.folder,
                            .images = set.images(),
                            .options = options.verify,
                            .on_progress =
                                [&](std::size_t done, std::size_t total) {
                                  check_stop();
                                  progress.show(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "");
                                },
                            .on_wait = check_stop});
}

}  // namespace

core::ExitCode verify_onnx(const fs::path& onnx, const fs::path& model, const VerificationOptions& options) {
  listen_for_stop();
  const exporting::OnnxFile file = exporting::read_onnx(onnx);
  core::check_writable(onnx.string() + ".certificate.json");
  const Certificate certificate = verified(file, model, options);
  for (const std::string& problem : certificate.skipped) warn("left out " + problem);
  exporting::write_certificate(certificate);
  if (options.json) {
    print_json(certificate.json());
  } else {
    print_text(certificate_text(certificate));
    print_out("Certificate: {}.certificate.html, .json\n", shown_path(onnx));
  }
  return certificate.passes() ? core::ExitCode::kDone : core::ExitCode::kFailed;
}

void add_runner_flag(Command& command, VerificationOptions& options) {
  command.repeated_flag("--runner", "COMMAND",
                        "of a program that runs ONNX files (docs/guide/verify.md); the file's name is put behind it; "
                        "several runners are compared one after the other",
                        options.verify.runner);
}

const core::OptionTable& VerificationOptions::fields() {
  using O = VerificationOptions;
  static const core::OptionTable table(
      "verification",
      {core::field<&O::verify>("verify", "the comparison"), core::field<&O::images>("images", "what is compared"),
       core::field<&O::device>("device", "where Margay computes: cpu, cuda, cuda:N or auto"),
       core::field<&O::json>("json", "print the certificate as one JSON document")});
  return table;
}

}  // namespace margay::cli
