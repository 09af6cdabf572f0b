#include "apps/cli/evaluation_text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <unistd.h>

#include "apps/cli/help.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/terminal.h"
#include "margay/chart/bar_chart.h"
#include "margay/chart/matrix_chart.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"
#include "margay/interpret/interpretation_charts.h"
#include "margay/metric/standard_error.h"

namespace margay::cli {
namespace {

using core::TextAlign;
using interpret::Interpretation;
using metric::Estimate;

constexpr std::size_t kShortList = 10;
constexpr std::int64_t kRowsAtOnce = 4096;
constexpr std::int64_t kSmallMatrix = 12;  // classes whose matrix is always shown

predict::Predictions part_of(const predict::KeptPredictions& kept, std::int64_t begin, std::int64_t end) {
  predict::Predictions part;
  part.targets = kept.rows.targets.slice(0, begin, end);
  for (std::int64_t row = begin; row < end; ++row) part.ids.push_back(static_cast<std::size_t>(row));
  part.set_logits(kept.rows.logits.slice(0, begin, end), kept.activation(), kept.rows.temperature);
  return part;
}

std::string fixed(double number, int digits = 4) {
  return std::isfinite(number) ? fmt::format("{:.{}f}", number, digits) : "n/a";
}

std::string ends_text(const metric::Interval& interval, int digits = 4) {
  if (!interval.is_known()) return "";
  return fmt::format("{} – {}", fixed(interval.low, digits), fixed(interval.high, digits));
}

std::size_t longest_line(std::string_view text) {
  std::size_t most = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    most = std::max(most, core::text_width(text.substr(at, end - at)));
    at = end + 1;
  }
  return most;
}

/// The table without its last columns, as many as it takes to fit; the first two stay, and their cells are cut.
std::string fitting_table(std::vector<core::TextTable::Column> columns,
                          const std::vector<std::vector<std::string>>& rows, int width) {
  const auto room = static_cast<std::size_t>(width);
  for (std::size_t name_width = 40;; name_width = name_width > 4 ? name_width - 3 : 1) {
    core::TextTable table(columns);
    for (const auto& row : rows) {
      std::vector<std::string> cells(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(columns.size()));
      for (std::string& cell : cells) cell = core::fitted(core::one_line(core::valid_utf8(cell)), name_width);
      table.add(std::move(cells));
    }
    const std::string text = table.text();
    if (longest_line(text) <= room || (columns.size() <= 2 && name_width == 1)) return text;
    if (name_width <= 16 && columns.size() > 2) {
      columns.pop_back();
      name_width = 40;
    }
  }
}

/// A heading, then what it stands over; nothing for nothing.
std::string section(const std::string& heading, const std::string& text, int width) {
  if (text.empty()) return "";
  return "\n" + core::fitted(heading, static_cast<std::size_t>(width)) + "\n" + text;
}

std::string sentences(const Interpretation& interpretation, int width) {
  std::string text;
  for (const std::string& sentence : interpretation.summary_text()) {
    for (const std::string& line : wrapped(core::one_line(sentence), static_cast<std::size_t>(width))) {
      text += line + "\n";
    }
  }
  return text;
}

/// Beside each number what it is, on as many lines as that takes; without these words where there is no room for them.
std::string numbers_text(const Interpretation& interpretation, int width) {
  constexpr std::size_t kLeastWords = 16;
  std::vector<core::TextTable::Column> columns = {
      {"number", TextAlign::kLeft},
      {"value"},
      {fmt::format("{:g} % interval", 100 * interpretation.options().bootstrap.confidence), TextAlign::kLeft}};
  std::vector<std::vector<std::string>> rows;
  for (const interpret::SummaryNumber& number : interpretation.summary()) {
    rows.push_back({number.name, fixed(number.estimate.value), ends_text(number.estimate.interval)});
  }
  const std::string numbers = fitting_table(columns, rows, width);
  const std::size_t taken = longest_line(numbers) + 2;
  if (taken + kLeastWords > static_cast<std::size_t>(width)) return numbers;
  columns.push_back({"", TextAlign::kLeft});
  core::TextTable table(columns);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const std::string& line :
         wrapped(interpretation.summary()[i].words, static_cast<std::size_t>(width) - taken)) {
      rows[i].resize(3);
      rows[i].push_back(line);
      table.add(rows[i]);
      rows[i].assign(3, "");
    }
  }
  return table.text();
}

std::vector<std::string> report_cells(const interpret::ReportRow& row) {
  return {row.name,
          fixed(row.f1.value, 3),
          fixed(row.recall.value, 3),
          fixed(row.precision.value, 3),
          std::to_string(row.support),
          ends_text(row.recall.interval, 3)};
}

/// scikit-learn's columns, the worst classes first, then the averages.
std::string classes_table(const Interpretation& interpretation, std::size_t most, int width) {
  std::vector<const interpret::ClassReport*> classes;
  for (const auto& each : interpretation.classification_report().classes) {
    if (!each.is_absent()) classes.push_back(&each);
  }
  std::stable_sort(classes.begin(), classes.end(),
                   [](const auto* a, const auto* b) { return a->f1.value < b->f1.value; });
  const std::size_t shown = std::min(most, classes.size());
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < shown; ++i) rows.push_back(report_cells(*classes[i]));
  for (const interpret::ReportRow& average : interpretation.classification_report().averages) {
    rows.push_back(report_cells(average));
  }
  std::string text = fitting_table({{"class", TextAlign::kLeft},
                                    {"f1"},
                                    {"recall"},
                                    {"precision"},
                                    {"support"},
                                    {"recall's interval", TextAlign::kLeft}},
                                   rows, width);
  if (shown < classes.size()) text += fmt::format("and {} more\n", classes.size() - shown);
  return text;
}

/// Of several labels the 2 x 2 matrix of each class in a line.
std::string binary_table(const Interpretation& interpretation, std::size_t most, int width) {
  std::vector<std::vector<std::string>> rows;
  const auto& classes = interpretation.classification_report().classes;
  for (const interpret::ClassReport& each : classes) {
    if (rows.size() == most) break;
    const interpret::BinaryCounts& counts = each.counts;
    rows.push_back({each.name, std::to_string(counts.true_positives), std::to_string(counts.false_negatives),
                    std::to_string(counts.false_positives), std::to_string(counts.true_negatives)});
  }
  std::string text = fitting_table(
      {{"class", TextAlign::kLeft}, {"found"}, {"missed"}, {"false alarms"}, {"rightly not"}}, rows, width);
  if (classes.size() > most) text += fmt::format("and {} more\n", classes.size() - most);
  return text;
}

std::string or_none_of_them(const std::string& labels) { return labels.empty() ? "(none)" : labels; }

std::string top_table(const Interpretation& interpretation, interpret::TopLosses order, std::size_t most, int width) {
  std::vector<std::vector<std::string>> rows;
  const bool has_labels = interpretation.has_labels();
  for (const interpret::TopLoss& top : interpretation.top_losses(static_cast<std::int64_t>(most), order)) {
    std::vector<std::string> row = {top.name, or_none_of_them(top.prediction), fixed(top.probability, 3)};
    if (has_labels) {
      row.insert(row.begin() + 1, or_none_of_them(top.label));
      row.push_back(fixed(top.loss, 3));
    } else {
      row.push_back(top.border_class);
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return "";
  std::vector<core::TextTable::Column> columns = {
      {"image", TextAlign::kLeft}, {"prediction", TextAlign::kLeft}, {"probability"}};
  if (has_labels) {
    columns.insert(columns.begin() + 1, {"label", TextAlign::kLeft});
    columns.push_back({"loss"});
  } else {
    columns.push_back({"or", TextAlign::kLeft});
  }
  return fitting_table(std::move(columns), rows, width);
}

std::string calibration_line(const interpret::CalibrationQuality& scores) {
  const interpret::CalibrationError& ece = scores.ece;
  return fmt::format("Expected calibration error {} ({} – {}); {} under perfect calibration, {:.4g} % below {}: {}.",
                     fixed(ece.error.value), fixed(ece.error.interval.low), fixed(ece.error.interval.high),
                     fixed(ece.perfect), 50 * (1 + scores.confidence), fixed(ece.perfect_range.high),
                     ece.is_beyond_chance() ? "the probabilities are off, which `margay calibrate` mends"
                                            : "the probabilities mean what they say, as far as these images tell");
}

/// A long line broken between words.
std::string folded(const std::string& line, int width) {
  std::string text;
  std::size_t column = 0;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    const std::string word = line.substr(at, end - at);
    const std::size_t word_width = core::text_width(word);
    if (column > 0 && column + 1 + word_width > static_cast<std::size_t>(width)) {
      text += "\n";
      column = 0;
    }
    text += (column > 0 ? " " : "") + word;
    column += (column > 0 ? 1 : 0) + word_width;
    at = end + 1;
  }
  return text + "\n";
}

std::string labelled_text(const Interpretation& interpretation, EvaluationExtent extent,
                          const chart::TextBlockOptions& blocks) {
  const bool is_all = extent == EvaluationExtent::kAll;
  const std::size_t most = is_all ? static_cast<std::size_t>(interpretation.vocab().size()) : kShortList;
  const int width = blocks.columns;
  std::string text = section("Classes, the worst F1 first", classes_table(interpretation, most, width), width);
  text += "\n" + chart::bar_text(interpret::class_chart(interpretation, most), blocks);
  if (interpretation.is_multi_label()) {
    return text + section("Each class as a matrix of two rows", binary_table(interpretation, most, width), width);
  }
  if (is_all || interpretation.vocab().size() <= kSmallMatrix) {
    text +=
        "\n" + chart::matrix_text(interpret::confusion_chart(interpretation, interpretation.options().order), blocks);
  }
  const std::size_t pairs = is_all ? 1000 : kShortList;
  return text + "\n" + chart::bar_text(interpret::most_confused_chart(interpretation, pairs), blocks);
}

std::string near_text(const Interpretation& interpretation, int width) {
  std::vector<std::vector<std::string>> rows;
  for (const interpret::NearClasses& near : interpretation.near_classes()) {
    if (rows.size() == kShortList) break;
    rows.push_back({interpretation.vocab().name(near.predicted), interpretation.vocab().name(near.second),
                    std::to_string(near.count), fixed(near.mean_margin, 3)});
  }
  if (rows.empty()) return "";
  return fitting_table({{"predicted", TextAlign::kLeft}, {"or", TextAlign::kLeft}, {"images"}, {"mean margin"}}, rows,
                       width);
}

/// With one value in the rows of refused images; refused: bool [N], undefined where none is.
torch::Tensor filled(const torch::Tensor& rows, const torch::Tensor& refused, double value) {
  if (!refused.defined()) return rows;
  const torch::Tensor mask = refused.to(rows.device());
  return rows.masked_fill(rows.dim() > 1 ? mask.unsqueeze(1) : mask, value);
}

}  // namespace

void EvaluationTally::add(const predict::Predictions& batch) {
  add(batch, batch.p_known.defined() ? batch.p_known <= batch.alpha : torch::Tensor());
}

/// refused: bool [N]: "none of these" are no label, so a single one is wrong.
void EvaluationTally::add(const predict::Predictions& batch, const torch::Tensor& refused) {
  if (batch.size() == 0) return;
  images_ += batch.size();
  loss_sum_ += batch.losses.sum(torch::kDouble).item<double>();
  if (task_ == data::Task::kMultiLabel) {
    constexpr double kNever = -std::numeric_limits<double>::infinity();
    decisions_.add(filled(batch.logits, refused, kNever), batch.targets, threshold_);
  } else {
    accuracy_.update(batch.logits, filled(batch.targets, refused, -1));
  }
}

void EvaluationTally::add(const predict::KeptPredictions& kept) {
  for (std::int64_t begin = 0; begin < kept.size(); begin += kRowsAtOnce) {
    const std::int64_t end = std::min(kept.size(), begin + kRowsAtOnce);
    add(part_of(kept, begin, end), kept.refused.defined() ? kept.refused.slice(0, begin, end) : torch::Tensor());
  }
}

std::string EvaluationTally::text() const {
  const double loss = loss_sum_ / static_cast<double>(images_);
  if (task_ == data::Task::kMultiLabel) {
    const double exact = decisions_.exact_match();
    return fmt::format(
        "images        {}\nexact_match     {:.4f} ± {:.4f} (every class right; one standard error)\naccuracy_multi  "
        "{:.4f} (of all predictions)\nf1_multi        {:.4f} (mean over the classes)\nloss            {:.4f} (binary "
        "cross-entropy)\n",
        decisions_.images, exact, metric::share_standard_error(exact, decisions_.images), decisions_.accuracy(),
        decisions_.f1_macro(), loss);
  }
  const double error = 1 - accuracy_.value();
  return fmt::format(
      "images    {}\nerror_rate  {:.4f} ± {:.4f} (one standard error)\naccuracy    {:.4f}\nloss        {:.4f} "
      "(cross-entropy)\n",
      images_, error, metric::share_standard_error(error, images_), 1 - error, loss);
}

std::string evaluation_text(const run::Evaluation& evaluation, EvaluationExtent extent,
                            const chart::TextBlockOptions& blocks) {
  const Interpretation& interpretation = evaluation.interpretation();
  const bool is_all = extent == EvaluationExtent::kAll;
  const std::size_t most = is_all ? 24 : kShortList;
  const int width = blocks.columns;
  std::string text = "\n" + sentences(interpretation, width) + "\n" + numbers_text(interpretation, width);
  if (evaluation.calibration()) text += "\n" + folded(calibration_line(*evaluation.calibration()), width);
  using interpret::TopLosses;
  if (interpretation.has_labels()) {
    text += labelled_text(interpretation, extent, blocks);
    text += section("Highest losses", top_table(interpretation, TopLosses::kHighest, most, width), width);
    text += section("Surely wrong", top_table(interpretation, TopLosses::kSurelyWrong, most, width), width);
  } else {
    text += "\n" + chart::bar_text(interpret::confidence_chart(interpretation), blocks);
    text += section("Least sure", top_table(interpretation, TopLosses::kLeastSure, most, width), width);
  }
  if (is_all || !interpretation.has_labels()) {
    text += section("Nearest to the border", top_table(interpretation, TopLosses::kBorder, most, width), width);
    text += section("Classes that images lie between", near_text(interpretation, width), width);
  }
  if (!is_all) return text;
  for (const run::NamedChart& curve : run::evaluation_curves(evaluation)) text += "\n" + terminal_chart({curve.chart});
  return text;
}

chart::TextBlockOptions terminal_blocks() {
  constexpr int kUsual = 80;
  constexpr int kFewest = 20;
  constexpr int kMost = 140;
  const bool has_colours = shows_colours(STDOUT_FILENO);
  return {.columns = std::clamp(terminal_columns(STDOUT_FILENO).value_or(kUsual), kFewest, kMost),
          .glyphs = has_colours ? chart::TextGlyphs::kBraille : chart::TextGlyphs::kAscii,
          .colour = has_colours ? chart::TextColour::kAnsi : chart::TextColour::kNone};
}

namespace {

std::string p_words(double p) { return p < 0.001 ? "p < .001" : fmt::format("p = {:.3f}", p); }

std::string answer_text(const interpret::ModelAnswer& answer) {
  return fmt::format("{} {:.3f}{}", or_none_of_them(answer.prediction), answer.probability,
                     answer.is_right ? " ✓" : "");
}

std::string difference_words(const metric::Difference& difference, const char* what) {
  return fmt::format("{} {:+.4f} ± {:.4f} (second less first; one standard error; {})", what, difference.value,
                     difference.standard_error, p_words(difference.p_value));
}

std::string only_words(std::int64_t count, const char* which) {
  return count == 0 ? ""
                    : fmt::format(" {} are in the {} alone and count nowhere.", core::counted(count, "image"), which);
}

}  // namespace

std::string comparison_text(const interpret::ModelComparison& comparison, const std::string& first,
                            const std::string& second, std::size_t most, const chart::TextBlockOptions& blocks) {
  const int width = blocks.columns;
  const metric::McNemar& test = comparison.mcnemar;
  std::string text = folded(fmt::format("{} that both judge.{}{}", core::counted(comparison.images, "image"),
                                        only_words(comparison.only_in_first_count, "first"),
                                        only_words(comparison.only_in_second_count, "second")),
                            width);
  text +=
      "\n" +
      fitting_table({{"model", TextAlign::kLeft}, {"accuracy"}, {"95 % interval", TextAlign::kLeft}},
                    {{first, fixed(comparison.first_accuracy.value), ends_text(comparison.first_accuracy.interval)},
                     {second, fixed(comparison.second_accuracy.value), ends_text(comparison.second_accuracy.interval)}},
                    width);
  text += "\n" +
          fitting_table({{"", TextAlign::kLeft}, {"second right"}, {"second wrong"}},
                        {{"first right", std::to_string(comparison.both_right), std::to_string(test.only_second_errs)},
                         {"first wrong", std::to_string(test.only_first_errs), std::to_string(comparison.both_wrong)}},
                        width);
  text += "\n" + folded(fmt::format("McNemar's exact test: {}; mid-p {}.{}", p_words(test.exact_p), p_words(test.mid_p),
                                    comparison.groups < comparison.images
                                        ? " The images come in groups, so go by the differences:"
                                        : ""),
                        width);
  text += folded(difference_words(comparison.error_difference, "error rate"), width);
  text += folded(difference_words(comparison.loss_difference, "loss      "), width);
  std::vector<std::vector<std::string>> rows;
  for (const interpret::DifferingImage& image : comparison.differing) {
    if (rows.size() == most) break;
    rows.push_back({image.name, or_none_of_them(image.label), answer_text(image.first), answer_text(image.second)});
  }
  if (rows.empty()) return text;
  text += section(fmt::format("{} differ", core::counted(comparison.differing.size(), "image")),
                  fitting_table({{"image", TextAlign::kLeft},
                                 {"label", TextAlign::kLeft},
                                 {"first", TextAlign::kLeft},
                                 {"second", TextAlign::kLeft}},
                                rows, width),
                  width);
  if (rows.size() < comparison.differing.size()) {
    text += fmt::format("and {} more\n", comparison.differing.size() - rows.size());
  }
  return text;
}

}  // namespace margay::cli
