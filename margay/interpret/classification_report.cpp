#include "margay/interpret/classification_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::interpret {
namespace {

constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

enum class EventKind : std::uint8_t { kFound, kMissed, kAlarm };

/// An image that is of a class, or was predicted to be.
struct ClassEvent {
  std::int32_t image = 0;
  EventKind kind = EventKind::kFound;
};

/// The events of each class; memory: two a wrong image, one a right one.
std::vector<std::vector<ClassEvent>> events_of_classes(const JudgedImages& images, std::size_t classes) {
  std::vector<std::vector<ClassEvent>> events(classes);
  const auto add = [&](std::int32_t k, std::int64_t image, EventKind kind) {
    events[static_cast<std::size_t>(k)].push_back({static_cast<std::int32_t>(image), kind});
  };
  for (std::int64_t i = 0; i < images.size(); ++i) {
    const auto image = static_cast<std::size_t>(i);
    if (!images.is_multi_label) {
      add(images.label[image], i, images.is_right[image] ? EventKind::kFound : EventKind::kMissed);
      if (!images.is_right[image] && !images.refused(i)) add(images.best[image], i, EventKind::kAlarm);
      continue;
    }
    const auto labels = images.label_classes[i];
    const auto predicted = images.predicted_classes[i];
    for (const std::int32_t k : labels) {
      const bool is_found = std::binary_search(predicted.begin(), predicted.end(), k);
      add(k, i, is_found ? EventKind::kFound : EventKind::kMissed);
    }
    for (const std::int32_t k : predicted) {
      if (!std::binary_search(labels.begin(), labels.end(), k)) add(k, i, EventKind::kAlarm);
    }
  }
  return events;
}

/// How often each event of a class happens, in the images or in a resample of them.
struct EventCounts {
  double found = 0;
  double missed = 0;
  double alarms = 0;

  double predicted() const { return found + alarms; }
  double support() const { return found + missed; }
  double either() const { return found + missed + alarms; }
};

enum Column { kPrecision, kRecall, kF1, kColumns };
using Columns = std::array<double, kColumns>;

Columns columns_of(const EventCounts& counts, double zero_division) {
  const auto ratio = [&](double part, double whole) { return whole > 0 ? part / whole : zero_division; };
  return {ratio(counts.found, counts.predicted()), ratio(counts.found, counts.support()),
          ratio(2 * counts.found, counts.predicted() + counts.support())};
}

/// A weighted mean that NaN takes no part in.
class MeanOfKnown {
 public:
  void add(double value, double weight) {
    if (std::isnan(value)) return;
    sum_ += value * weight;
    weights_ += weight;
  }
  double value(double otherwise) const { return weights_ > 0 ? sum_ / weights_ : otherwise; }

 private:
  double sum_ = 0;
  double weights_ = 0;
};

/// The averages over the classes of one resample.
struct Averages {
  Columns micro{};
  Columns macro{};
  Columns weighted{};
  double balanced_accuracy = kNoValue;
};

Averages averages_of(std::span<const EventCounts> classes, double zero_division) {
  EventCounts all;
  std::array<MeanOfKnown, kColumns> macro;
  std::array<MeanOfKnown, kColumns> weighted;
  MeanOfKnown balanced;
  for (const EventCounts& counts : classes) {
    if (counts.either() <= 0) continue;  // neither there nor predicted
    all.found += counts.found;
    all.missed += counts.missed;
    all.alarms += counts.alarms;
    const Columns columns = columns_of(counts, zero_division);
    for (std::size_t column = 0; column < kColumns; ++column) {
      macro[column].add(columns[column], 1);
      weighted[column].add(columns[column], counts.support());
    }
    if (counts.support() > 0) balanced.add(columns[kRecall], 1);
  }
  Averages averages{.micro = columns_of(all, zero_division), .balanced_accuracy = balanced.value(kNoValue)};
  for (std::size_t column = 0; column < kColumns; ++column) {
    averages.macro[column] = macro[column].value(zero_division);
    averages.weighted[column] = weighted[column].value(zero_division);
  }
  return averages;
}

/// The event counts of all classes in the replicates of one block, lane by lane.
class ResampledCounts {
 public:
  ResampledCounts(const std::vector<std::vector<ClassEvent>>& events, const std::vector<std::uint8_t>& drawn)
      : sums_(events.size()) {
    for (std::size_t k = 0; k < events.size(); ++k) {
      for (const ClassEvent& event : events[k]) {
        const std::uint8_t* counts = drawn.data() + static_cast<std::size_t>(event.image) * Lanes().size();
        Lanes& sum = sums_[k][static_cast<std::size_t>(event.kind)];
        for (std::size_t lane = 0; lane < sum.size(); ++lane) sum[lane] += counts[lane];
      }
    }
  }

  void take_lane(std::size_t lane, std::vector<EventCounts>& classes) const {
    for (std::size_t k = 0; k < sums_.size(); ++k) {
      classes[k] = {static_cast<double>(sums_[k][0][lane]), static_cast<double>(sums_[k][1][lane]),
                    static_cast<double>(sums_[k][2][lane])};
    }
  }

 private:
  using Lanes = std::array<std::int32_t, metric::Resamples::kLanes>;
  std::vector<std::array<Lanes, 3>> sums_;
};

std::vector<Averages> resampled_averages(const std::vector<std::vector<ClassEvent>>& events,
                                         const metric::Resamples& resamples, double zero_division) {
  std::vector<Averages> all;
  std::vector<EventCounts> classes(events.size());
  for (std::int64_t block = 0; block < resamples.blocks(); ++block) {
    const ResampledCounts counts(events, resamples.counts(block));
    for (std::size_t lane = 0; lane < metric::Resamples::kLanes; ++lane) {
      counts.take_lane(lane, classes);
      all.push_back(averages_of(classes, zero_division));
    }
  }
  all.resize(static_cast<std::size_t>(resamples.replicates()));
  return all;
}

/// The cases whose share would vary as much as the average: 1 / Σ w² / n for weights that sum to 1.
class EffectiveCases {
 public:
  void add(double weight, double cases) {
    if (cases <= 0 || weight <= 0) return;
    weights_ += weight;
    sum_ += weight * weight / cases;
  }
  double value() const { return sum_ > 0 ? weights_ * weights_ / sum_ : 0; }

 private:
  double weights_ = 0;
  double sum_ = 0;
};

/// Makes a report of events.
class ReportMaker {
 public:
  ReportMaker(const JudgedImages& images, const std::vector<std::string>& vocab, const metric::Resamples& resamples,
              std::span<const std::int64_t> groups, double zero_division)
      : images_(images),
        vocab_(vocab),
        resamples_(resamples),
        groups_(groups),
        zero_division_(zero_division),
        events_(events_of_classes(images, vocab.size())) {
    for (const auto& events : events_) counts_.push_back(counts_of(events));
  }

  ClassificationReport make() {
    ClassificationReport report{.zero_division = zero_division_};
    const std::vector<BinaryCounts> binary = binary_counts(images_, static_cast<std::int64_t>(vocab_.size()));
    for (std::size_t k = 0; k < vocab_.size(); ++k) report.classes.push_back(class_row(k, binary[k]));
    note_refused(report);
    for (const ClassReport& row : report.classes) report.absent_classes += row.is_absent() ? 1 : 0;
    add_averages(report);
    return report;
  }

 private:
  static EventCounts counts_of(const std::vector<ClassEvent>& events) {
    EventCounts counts;
    for (const ClassEvent& event : events) {
      (event.kind == EventKind::kFound    ? counts.found
       : event.kind == EventKind::kMissed ? counts.missed
                                          : counts.alarms) += 1;
    }
    return counts;
  }

  /// The share of found images among the events of a class that are not `left_out`.
  metric::Estimate share(const std::vector<ClassEvent>& events, std::optional<EventKind> left_out) const {
    std::vector<double> is_found;
    std::vector<std::int64_t> groups;
    for (const ClassEvent& event : events) {
      if (event.kind == left_out) continue;
      is_found.push_back(event.kind == EventKind::kFound ? 1 : 0);
      if (!groups_.empty()) groups.push_back(groups_[static_cast<std::size_t>(event.image)]);
    }
    return metric::share_estimate(is_found, groups, resamples_.confidence());
  }

  metric::Estimate or_zero_division(metric::Estimate estimate) const {
    if (std::isnan(estimate.value)) estimate.value = zero_division_;
    return estimate;
  }

  metric::Estimate f1(const std::vector<ClassEvent>& events) const {
    const auto of_share = [](double share) { return 2 * share / (1 + share); };
    metric::Estimate estimate = share(events, std::nullopt);
    estimate.value = of_share(estimate.value);
    estimate.interval = {of_share(estimate.interval.low), of_share(estimate.interval.high)};
    return or_zero_division(estimate);
  }

  ClassReport class_row(std::size_t k, const BinaryCounts& binary) const {
    ClassReport row;
    row.name = vocab_[k];
    row.index = static_cast<std::int32_t>(k);
    row.counts = binary;
    row.support = binary.support();
    row.precision = or_zero_division(share(events_[k], EventKind::kMissed));
    row.recall = or_zero_division(share(events_[k], EventKind::kAlarm));
    row.f1 = f1(events_[k]);
    return row;
  }

  void note_refused(ClassificationReport& report) const {
    for (std::int64_t i = 0; i < images_.size(); ++i) {
      if (!images_.refused(i)) continue;
      report.refused += 1;
      if (!images_.is_multi_label) {
        ++report.classes[static_cast<std::size_t>(images_.label[static_cast<std::size_t>(i)])].refused;
        continue;
      }
      for (const std::int32_t k : images_.label_classes[i]) ++report.classes[static_cast<std::size_t>(k)].refused;
    }
  }

  /// Of a column of an average, for intervals of what is the same in every resample.
  double effective_cases(Column column, bool is_weighted) const {
    EffectiveCases cases;
    for (const EventCounts& counts : counts_) {
      const double n = column == kPrecision ? counts.predicted()
                       : column == kRecall  ? counts.support()
                                            : counts.either();
      cases.add(is_weighted ? counts.support() : 1, n);
    }
    const double independent = static_cast<double>(resamples_.groups()) / static_cast<double>(resamples_.images());
    return std::max(1.0, cases.value() * independent);
  }

  template <class Value>
  metric::Estimate estimate(const Averages& all, const std::vector<Averages>& resampled, double cases,
                            const Value& value) const {
    std::vector<double> values;
    for (const Averages& each : resampled) values.push_back(value(each));
    const double of_all = value(all);
    if (std::isnan(of_all)) return {};
    return {.value = of_all, .interval = resamples_.interval(values, cases)};
  }

  ReportRow average_row(const char* name, Columns Averages::*member, const Averages& all,
                        const std::vector<Averages>& resampled, bool is_weighted) const {
    const auto column = [&](Column at) {
      return estimate(all, resampled, effective_cases(at, is_weighted),
                      [&](const Averages& each) { return (each.*member)[at]; });
    };
    return {.name = name,
            .precision = column(kPrecision),
            .recall = column(kRecall),
            .f1 = column(kF1),
            .support = total_support()};
  }

  std::int64_t total_support() const {
    double sum = 0;
    for (const EventCounts& counts : counts_) sum += counts.support();
    return static_cast<std::int64_t>(sum);
  }

  ReportRow accuracy_row() const {
    std::vector<double> is_right(images_.is_right.begin(), images_.is_right.end());
    return {.name = "accuracy",
            .f1 = metric::share_estimate(is_right, groups_, resamples_.confidence()),
            .support = total_support()};
  }

  /// The mean over the images of each one's own precision, recall and F1.
  ReportRow samples_row() const {
    std::array<std::vector<double>, kColumns> values;
    for (std::int64_t i = 0; i < images_.size(); ++i) {
      const auto labels = images_.label_classes[i];
      const auto predicted = images_.predicted_classes[i];
      EventCounts counts;
      for (const std::int32_t k : labels)
        counts.found += std::binary_search(predicted.begin(), predicted.end(), k) ? 1 : 0;
      counts.missed = static_cast<double>(labels.size()) - counts.found;
      counts.alarms = static_cast<double>(predicted.size()) - counts.found;
      const Columns columns = columns_of(counts, zero_division_);
      for (std::size_t column = 0; column < kColumns; ++column) values[column].push_back(columns[column]);
    }
    return {.name = "samples avg",
            .precision = metric::bootstrap_mean(resamples_, values[kPrecision]),
            .recall = metric::bootstrap_mean(resamples_, values[kRecall]),
            .f1 = metric::bootstrap_mean(resamples_, values[kF1]),
            .support = total_support()};
  }

  void add_averages(ClassificationReport& report) const {
    const Averages all = averages_of(counts_, zero_division_);
    const std::vector<Averages> resampled = resampled_averages(events_, resamples_, zero_division_);
    const bool has_accuracy = !images_.is_multi_label && report.refused == 0;
    // A micro average is a share over all classes' images.
    report.averages.push_back(has_accuracy ? accuracy_row()
                                           : average_row("micro avg", &Averages::micro, all, resampled, true));
    report.averages.push_back(average_row("macro avg", &Averages::macro, all, resampled, false));
    report.averages.push_back(average_row("weighted avg", &Averages::weighted, all, resampled, true));
    if (images_.is_multi_label) report.averages.push_back(samples_row());
    report.balanced_accuracy = estimate(all, resampled, effective_cases(kRecall, false),
                                        [](const Averages& each) { return each.balanced_accuracy; });
  }

  const JudgedImages& images_;
  const std::vector<std::string>& vocab_;
  const metric::Resamples& resamples_;
  std::span<const std::int64_t> groups_;
  double zero_division_;
  std::vector<std::vector<ClassEvent>> events_;
  std::vector<EventCounts> counts_;
};

std::string report_number(double value, int digits) {
  return std::isnan(value) ? std::string() : fmt::format("{:.{}f}", value, digits);
}

}  // namespace

ClassificationReport classification_report(const JudgedImages& images, const std::vector<std::string>& vocab,
                                           const metric::Resamples& resamples, std::span<const std::int64_t> groups,
                                           const ReportOptions& options) {
  if (!images.has_labels) throw std::invalid_argument("[classification_report] the images have no labels");
  const double zero = options.zero_division;
  if (zero != 0 && zero != 1 && !std::isnan(zero)) {
    throw std::invalid_argument(fmt::format("[classification_report] zero_division must be 0, 1 or NaN, got {}", zero));
  }
  return ReportMaker(images, vocab, resamples, groups, zero).make();
}

std::string report_table(const ClassificationReport& report, int digits) {
  core::TextTable table({{"", core::TextAlign::kLeft}, {"precision"}, {"recall"}, {"f1-score"}, {"support"}});
  const auto add = [&](const ReportRow& row) {
    table.add({row.name, report_number(row.precision.value, digits), report_number(row.recall.value, digits),
               report_number(row.f1.value, digits), std::to_string(row.support)});
  };
  for (const ClassReport& row : report.classes) add(row);
  table.add({"", "", "", "", ""});
  for (const ReportRow& row : report.averages) add(row);
  return table.text();
}

}  // namespace margay::interpret
