#include "apps/cli/calibration_text.h"

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

using interpret::CalibrationError;
using interpret::CalibrationQuality;

std::string interval_text(const metric::Interval& interval) {
  return interval.is_known() ? fmt::format("{:.4f} … {:.4f}", interval.low, interval.high) : "";
}

class QualityTable {
 public:
  QualityTable(const CalibrationQuality& before, const CalibrationQuality& after) : before_(before), after_(after) {}

  void add(const char* name, metric::Estimate CalibrationQuality::*number) {
    add_row(name, before_.*number, after_.*number);
  }
  void add(const char* name, CalibrationError CalibrationQuality::*error) {
    add_row(name, (before_.*error).error, (after_.*error).error);
    const auto perfect = [](const CalibrationError& of) {
      return metric::Estimate{.value = of.perfect, .interval = of.perfect_range};
    };
    add_row("  if perfect", perfect(before_.*error), perfect(after_.*error));
  }
  void add_row(const char* name, const metric::Estimate& before, const metric::Estimate& after) {
    table_.add({name, fmt::format("{:.4f}", before.value), interval_text(before.interval),
                fmt::format("{:.4f}", after.value), interval_text(after.interval)});
  }
  std::string text() const { return table_.text(""); }

 private:
  using Align = core::TextTable::Align;

  const CalibrationQuality& before_;
  const CalibrationQuality& after_;
  std::string level_ = fmt::format("{:.4g} %", 100 * before_.confidence);
  core::TextTable table_{{{"", Align::kLeft}, {"before"}, {level_, Align::kLeft}, {"after"}, {level_, Align::kLeft}}};
};

/// What is left after the temperature, of the predictions and of the classes one by one.
std::string verdict(const interpret::CalibrationReport& report) {
  std::string text;
  if (report.after.ece.is_beyond_chance()) {
    text = fmt::format(
        "After it the probabilities are still off by {:.4f} more than chance explains: one temperature cannot mend "
        "that.\n",
        report.after.ece.excess());
  } else if (report.before.ece.is_beyond_chance()) {
    text = "After it the calibration error is what perfect probabilities would have on so few images.\n";
  } else {
    text = "Both are what perfect probabilities would have on so few images: there was nothing to mend.\n";
  }
  if (!report.after.ece_class.is_beyond_chance()) return text;
  return text + fmt::format(
                    "Class by class they are off by {:.4f} more than chance explains: the model is too sure of some "
                    "classes and not sure enough of others, which one temperature cannot mend.\n",
                    report.after.ece_class.excess());
}

}  // namespace

std::string temperature_text(const interpret::CalibrationReport& report) {
  const predict::Calibration& calibration = report.calibration;
  const bool is_grouped = calibration.groups < calibration.images;
  std::string text = fmt::format("Temperature {:.4f}", calibration.temperature);
  if (report.temperature_interval.is_known()) {
    text += fmt::format(" (95 %: {:.4f} … {:.4f})", report.temperature_interval.low, report.temperature_interval.high);
  }
  text += fmt::format(", fitted to {}", core::counted(calibration.images, "image"));
  if (is_grouped) text += fmt::format(" in {}", core::counted(calibration.groups, "group"));
  if (report.is_contradicted) {
    return text +
           ": the labels contradict the predictions, so probabilities become nearly equal. Are these the labels of the "
           "training?\n";
  }
  const char* meaning = calibration.temperature > 1 ? "less sure than the logits' own" : "surer than the logits' own";
  return text + (calibration.temperature == 1 ? ".\n" : fmt::format(": probabilities become {}.\n", meaning));
}

std::string kept_temperature_line(const predict::Calibration& calibration) {
  if (!calibration.is_fitted()) return "temperature: 1, not calibrated\n";
  const bool is_of_probe = calibration.source == predict::CalibrationSource::kLeftOut;
  std::string text = fmt::format("temperature: {:.4g}, fitted to {}", calibration.temperature,
                                 core::counted(calibration.images, "image"));
  if (!calibration.data.empty()) text += fmt::format(": {}", core::spelled_out(calibration.data));
  return text + (is_of_probe ? "; it is inside the head\n" : "\n");
}

std::string calibration_text(const interpret::CalibrationReport& report) {
  QualityTable table(report.before, report.after);
  table.add("NLL", &CalibrationQuality::nll);
  table.add("Brier score", &CalibrationQuality::brier);
  table.add("ECE", &CalibrationQuality::ece);
  table.add("ECE, equal mass", &CalibrationQuality::ece_mass);
  table.add("ECE, class-wise", &CalibrationQuality::ece_class);
  table.add_row("AURC", report.before.risk_coverage.aurc, report.after.risk_coverage.aurc);
  return fmt::format("{}\nEach image after it: at a temperature fitted to the others ({} folds).\n{}", table.text(),
                     report.fold_temperatures.size(), verdict(report));
}

}  // namespace margay::cli
