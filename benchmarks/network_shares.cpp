// What part of the machine's arithmetic each network reaches on the CPU, and where the time goes.
//
//   network_shares measure FILE PRECISION [NAMES [MINUTES [STEP_SECONDS]]]
//       NAMES: "all" (every network for images of 64 pixels or more), or "resnet50,vit_b_16"; PRECISION: bf16, fp32.
//       Channels-last, 224 pixels or the nearest that the network takes: images/s of training steps (forward, loss,
//       backward, Adam) and of inference as Predictor does it. The batch is the largest of 64, 32, 16, 8, 4 whose step
//       of training takes about STEP_SECONDS (1.5) or less. Rows are appended to FILE; those that are there are not
//       measured again, and nothing is begun after MINUTES (5), so that a night can have many parts.
//   network_shares table FILE PRECISION
//       the table of FILE: multiply-adds per second (those of a training step are three times those of a prediction) as
//       a share of what products of large matrices reached beside it, and that as a share of ResNet-50's
//   network_shares parts NAME PRECISION [BATCH [PX]]
//       the time of a training step and of a prediction by kinds of operators, which says why a share is small
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <ATen/record_function.h>
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "benchmarks/network_speed.h"
#include "margay/margay.h"

namespace {

using margay::Precision;
using network_speed::best_seconds;
using network_speed::NetworkTrial;
using Clock = std::chrono::steady_clock;

Precision precision_of(const std::string& text) {
  if (text == "bf16") return Precision::kBf16;
  if (text == "fp32") return Precision::kFp32;
  throw std::invalid_argument("PRECISION is bf16 or fp32, not " + text);
}

/// Multiply-adds per second of matrices of 2,048 rows and columns.
double peak_macs_per_s(Precision precision) {
  constexpr std::int64_t kSide = 2048;
  const auto type = precision == Precision::kBf16 ? torch::kBFloat16 : torch::kFloat;
  const torch::Tensor a = torch::randn({kSide, kSide}).to(type);
  const torch::NoGradGuard no_grad;
  return std::pow(static_cast<double>(kSide), 3) / best_seconds(8, [&] { torch::mm(a, a); });
}

/// A multiple of the patch of a network that has one.
std::int64_t side_for(const std::string& name) {
  constexpr std::int64_t kUsualPx = 224;  // also 16 patches of 14
  return name.find("linear") == 0 ? 64 : kUsualPx;
}

struct ShareRow {
  std::string name;
  std::string precision;
  std::int64_t px = 224;
  std::int64_t batch = 1;
  double macs = 0;       ///< of a prediction
  double training = 0;   ///< images/s
  double inference = 0;  ///< images/s
  double peak = 0;       ///< multiply-adds per second

  double training_share() const { return 3 * macs * training / peak; }
  double inference_share() const { return macs * inference / peak; }
};

std::ostream& operator<<(std::ostream& out, const ShareRow& row) {
  return out << fmt::format("{} {} {} {} {:.6g} {:.6g} {:.6g} {:.6g}\n", row.name, row.precision, row.px, row.batch,
                            row.macs, row.training, row.inference, row.peak);
}

std::vector<ShareRow> read_rows(const std::filesystem::path& file, const std::string& precision) {
  std::vector<ShareRow> rows;
  std::ifstream in(file);
  for (ShareRow row; in >> row.name >> row.precision >> row.px >> row.batch >> row.macs >> row.training >>
                     row.inference >> row.peak;) {
    if (row.precision == precision) rows.push_back(row);
  }
  return rows;
}

/// Small networks reach a smaller share, so their batches are rather too small than too large.
std::int64_t batch_for(double macs, double peak, double step_seconds) {
  constexpr double kUsualShare = 0.4;
  for (const std::int64_t batch : {64, 32, 16, 8}) {
    if (3 * macs * static_cast<double>(batch) / (kUsualShare * peak) <= step_seconds) return batch;
  }
  return 4;
}

ShareRow measure(const std::string& name, const std::string& precision, double step_seconds) {
  constexpr int kSteps = 2;
  ShareRow row{.name = name, .precision = precision, .px = side_for(name)};
  row.peak = peak_macs_per_s(precision_of(precision));
  {
    const auto classifier = margay::make_classifier({.architecture = name, .num_classes = 1000, .image_px = row.px});
    row.macs =
        static_cast<double>(margay::summarise(*classifier, {.batch_size = 1, .image_px = row.px}).macs_per_image());
  }
  row.batch = batch_for(row.macs, row.peak, step_seconds);
  NetworkTrial trial(name, precision_of(precision), row.batch, row.px);
  const auto images = static_cast<double>(row.batch);
  row.training = images / best_seconds(kSteps, [&] { trial.train(); });
  trial.classifier().eval();
  trial.fold();
  row.inference = images / best_seconds(kSteps, [&] { trial.predict(); });
  return row;
}

std::vector<std::string> every_network() {
  std::vector<std::string> names;
  for (const margay::Architecture& each : margay::architectures()) {
    if (each.input_px >= 64) names.push_back(each.name);
  }
  return names;
}

bool has_row(const std::vector<ShareRow>& rows, const std::string& name) {
  return std::any_of(rows.begin(), rows.end(), [&](const ShareRow& row) { return row.name == name; });
}

void measure_all(const std::filesystem::path& file, const std::string& precision, const std::vector<std::string>& names,
                 double minutes, double step_seconds) {
  const auto begin = Clock::now();
  for (const std::string& name : names) {
    if (has_row(read_rows(file, precision), name)) continue;
    if (std::chrono::duration<double>(Clock::now() - begin).count() > 60 * minutes) {
      fmt::print("not all are done: run it again\n");
      return;
    }
    std::ostringstream text;
    text << measure(name, precision, step_seconds);
    std::ofstream(file, std::ios::app) << text.str();
    fmt::print("{}", text.str());
    std::fflush(stdout);
  }
}

void print_table(const std::vector<ShareRow>& rows) {
  const auto usual = std::find_if(rows.begin(), rows.end(), [](const ShareRow& row) { return row.name == "resnet50"; });
  if (usual == rows.end()) throw std::invalid_argument("resnet50 is not measured, of whose share the others are told");
  fmt::print(
      "| network | GMACs | batch | training, images/s | inference | training, share of the peak | of ResNet-50's | "
      "inference, share | of ResNet-50's |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  double low = usual->peak;
  double high = usual->peak;
  for (const ShareRow& row : rows) {
    fmt::print("| {} | {:.3g} | {} | {:.3g} | {:.3g} | {:.0f} % | {:.2f} | {:.0f} % | {:.2f} |\n", row.name,
               row.macs / 1e9, row.batch, row.training, row.inference, 100 * row.training_share(),
               row.training_share() / usual->training_share(), 100 * row.inference_share(),
               row.inference_share() / usual->inference_share());
    low = std::min(low, row.peak);
    high = std::max(high, row.peak);
  }
  fmt::print("\npeak {:.0f} to {:.0f} GMAC/s\n", low / 1e9, high / 1e9);
}

/// While it lives it adds up the time of this thread's operators by kind, each without those that it calls.
class OperatorTimes {
 public:
  OperatorTimes() {
    times() = this;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(&begin, &end)
                                             .needsInputs(true)
                                             .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
    begun_ = Clock::now();
  }
  OperatorTimes(const OperatorTimes&) = delete;
  OperatorTimes& operator=(const OperatorTimes&) = delete;
  ~OperatorTimes() {
    at::removeCallback(handle_);
    times() = nullptr;
  }

  /// Shares of all time, the largest first; what is in no operator is Margay's own kernels and the loops around them.
  void print(const char* what) const {
    const double all = std::chrono::duration<double>(Clock::now() - begun_).count();
    double within = 0;
    std::multimap<double, std::string, std::greater<>> sorted;
    for (const auto& [kind, seconds] : seconds_) {
      sorted.emplace(seconds, kind);
      within += seconds;
    }
    sorted.emplace(all - within, "outside of operators");
    fmt::print("\n{}, {:.0f} ms\n", what, 1e3 * all);
    for (const auto& [seconds, kind] : sorted) {
      if (seconds > 0.01 * all) fmt::print("{:5.1f} %  {}\n", 100 * seconds / all, kind);
    }
  }

 private:
  struct Frame : at::ObserverContext {
    Clock::time_point begun;
    double of_inner = 0;
    std::string kind;
    Frame* outer = nullptr;
  };

  static OperatorTimes*& times() {
    static thread_local OperatorTimes* one = nullptr;
    return one;
  }

  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
    auto frame = std::make_unique<Frame>();
    frame->kind = kind_of(function);
    frame->outer = times()->innermost_;
    times()->innermost_ = frame.get();
    frame->begun = Clock::now();
    return frame;
  }

  static void end(const at::RecordFunction& /*function*/, at::ObserverContext* context) {
    auto* frame = static_cast<Frame*>(context);
    const double all = std::chrono::duration<double>(Clock::now() - frame->begun).count();
    times()->seconds_[frame->kind] += all - frame->of_inner;
    times()->innermost_ = frame->outer;
    if (frame->outer != nullptr) frame->outer->of_inner += all;
  }

  /// Convolutions are told apart by their filters [D,C/groups,kH,kW].
  static std::string kind_of(const at::RecordFunction& function) {
    const std::string name = function.name();
    if (name.find("convolution") == std::string::npos) return name;
    const auto inputs = function.inputs();
    const std::size_t filters_at = name.find("backward") == std::string::npos ? 1 : 2;
    if (inputs.size() <= filters_at || !inputs[filters_at].isTensor()) return name;
    const torch::Tensor filters = inputs[filters_at].toTensor();
    const torch::Tensor images =
        inputs[filters_at - 1].isTensor() ? inputs[filters_at - 1].toTensor() : torch::Tensor();
    if (!filters.defined() || filters.dim() != 4 || !images.defined() || images.dim() != 4) return name;
    const bool is_one = filters.size(1) == 1 && images.size(1) > 1;
    const bool is_grouped = !is_one && images.size(1) != filters.size(1);
    const char* groups = is_one ? ", depthwise" : (is_grouped ? ", grouped" : "");
    return fmt::format("{} {}x{}{}", name, filters.size(2), filters.size(3), groups);
  }

  at::CallbackHandle handle_ = at::INVALID_CALLBACK_HANDLE;
  Clock::time_point begun_;
  Frame* innermost_ = nullptr;
  std::map<std::string, double> seconds_;
};

void print_parts(const std::string& name, const std::string& precision, std::int64_t batch, std::int64_t px) {
  NetworkTrial trial(name, precision_of(precision), batch, px);
  trial.train();
  trial.train();
  {
    const OperatorTimes times;
    trial.train();
    times.print("training step");
  }
  trial.classifier().eval();
  trial.fold();
  trial.predict();
  trial.predict();
  const OperatorTimes times;
  trial.predict();
  times.print("inference");
}

int run(const std::vector<std::string>& arguments) {
  const auto at = [&](std::size_t i, const std::string& usual) { return i < arguments.size() ? arguments[i] : usual; };
  const std::string what = at(0, "");
  if (what == "measure" && arguments.size() >= 3) {
    const std::string names = at(3, "all");
    measure_all(at(1, ""), at(2, ""), names == "all" ? every_network() : benchmarks::split_at_commas(names),
                std::stod(at(4, "5")), std::stod(at(5, "1.5")));
  } else if (what == "table" && arguments.size() == 3) {
    print_table(read_rows(at(1, ""), at(2, "")));
  } else if (what == "parts" && arguments.size() >= 3) {
    print_parts(at(1, ""), at(2, ""), std::stoll(at(3, "16")), std::stoll(at(4, "224")));
  } else {
    fmt::print(stderr,
               "network_shares measure FILE PRECISION [NAMES [MINUTES [STEP_SECONDS]]]\n"
               "network_shares table FILE PRECISION\nnetwork_shares parts NAME PRECISION [BATCH [PX]]\n");
    return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  margay::keep_cpu_memory();
  margay::use_cpu_threads(margay::available_cpus(), margay::ThreadPlacement::kPinned);
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
