#include "margay/run/decision_table.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/field_type.h"
#include "margay/core/text.h"
#include "margay/data/edits/class_folders.h"
#include "margay/data/source/label_columns.h"
#include "margay/data/source/table.h"

namespace margay::run {
namespace {

/// A fault of one row, to be told with its line.
struct RowFault {
  std::string problem;
};

class DecisionRows {
 public:
  DecisionRows(data::Table table, const Review& review, NewClasses new_classes)
      : table_(std::move(table)),
        review_(review),
        new_classes_(new_classes),
        image_(required("image")),
        action_(required("action")),
        label_(column("label")),
        other_(column("other")) {}

  std::vector<TableDecision> all() {
    std::vector<TableDecision> decisions;
    std::vector<std::string> faults;
    for (std::size_t row = 0; row < table_.size(); ++row) {
      try {
        decisions.push_back(decision(row));
      } catch (const RowFault& fault) {
        faults.push_back(fmt::format("line {}: {}", table_.line(row), fault.problem));
      }
    }
    if (faults.empty()) return decisions;
    constexpr std::size_t kShown = 10;
    const std::size_t more = faults.size() - std::min(faults.size(), kShown);
    faults.resize(faults.size() - more);
    throw core::DataError(table_.path(), fmt::format("nothing was applied: {}{}", core::joined(faults, "; "),
                                                     more > 0 ? "; and " + core::counted(more, "more line") : ""));
  }

 private:
  std::optional<std::size_t> column(const std::string& name) const {
    const auto found = std::find(table_.columns().begin(), table_.columns().end(), name);
    if (found == table_.columns().end()) return std::nullopt;
    return static_cast<std::size_t>(found - table_.columns().begin());
  }

  std::size_t required(const std::string& name) const {
    if (const auto at = column(name)) return *at;
    throw core::FormatError(table_.path(),
                            fmt::format("no column '{}'; decisions have the columns image, action, label "
                                        "and other, not {}",
                                        name, core::joined(table_.columns(), ", ")));
  }

  std::string cell(std::size_t row, std::optional<std::size_t> at) const {
    return at ? std::string(table_.cell(row, *at)) : "";
  }

  std::size_t image_named(const std::string& name) const {
    if (name.empty()) throw RowFault{"no image is named"};
    if (const auto image = review_.find(name)) return *image;
    throw RowFault{fmt::format("there is no image '{}' among the data; images are named as in the list of the queue",
                               core::spelled_out(name))};
  }

  static data::DecisionKind action_named(const std::string& name) {
    for (const auto& [kind, its_name] : names(data::DecisionKind{})) {
      if (name == its_name && kind != data::DecisionKind::kUndo) return kind;
    }
    throw RowFault{fmt::format("there is no action '{}'; there are keep, relabel, delete, not_duplicate and skip",
                               core::spelled_out(name))};
  }

  data::Labels labels_of(const std::string& text) const {
    const auto& classes = review_.data().classes;
    const bool has_several = review_.data().labeller.task == data::Task::kMultiLabel;
    if (text.empty() && !has_several) throw RowFault{"relabel needs a label"};
    const data::Labels labels = has_several ? data::labels_in(text, ";") : data::Labels{text};
    for (const std::string& label : labels) {
      if (std::find(classes.begin(), classes.end(), label) != classes.end()) continue;
      if (new_classes_ == NewClasses::kMake) {
        const std::string problem = data::problem_of_class_name(label);
        if (!problem.empty())
          throw RowFault{fmt::format("'{}' cannot be a class: {}", core::spelled_out(label), problem)};
      } else {
        throw RowFault{
            fmt::format("there is no class '{}'{}", core::spelled_out(label), core::did_you_mean(label, classes))};
      }
    }
    return labels;
  }

  std::optional<std::size_t> other_of(std::size_t image, const std::string& name) const {
    if (name.empty()) throw RowFault{"not_duplicate needs the other image, in the column other"};
    const std::size_t other = image_named(name);
    if (other == image) throw RowFault{"an image is no duplicate of itself; name the other one"};
    return other;
  }

  TableDecision decision(std::size_t row) {
    TableDecision result{.line = table_.line(row), .image = image_named(cell(row, image_))};
    result.choice.kind = action_named(cell(row, action_));
    const std::string label = cell(row, label_);
    const std::string other = cell(row, other_);
    const bool is_pair = result.choice.kind == data::DecisionKind::kNotDuplicate;
    if (result.choice.kind == data::DecisionKind::kRelabel) {
      result.choice.labels = labels_of(label);
      result.choice.new_class = new_classes_ == NewClasses::kMake;
    } else if (!label.empty()) {
      throw RowFault{fmt::format("'{}' takes no label", cell(row, action_))};
    }
    if (is_pair) result.other = other_of(result.image, other);
    if (!is_pair && !other.empty()) throw RowFault{fmt::format("'{}' takes no other image", cell(row, action_))};
    const auto key = std::pair(result.image, result.other);
    const auto [earlier, is_new] = line_of_.emplace(key, result.line);
    if (!is_new) throw RowFault{fmt::format("line {} decides about this image already", earlier->second)};
    return result;
  }

  data::Table table_;
  const Review& review_;
  NewClasses new_classes_;
  std::size_t image_;
  std::size_t action_;
  std::optional<std::size_t> label_;
  std::optional<std::size_t> other_;
  std::map<std::pair<std::size_t, std::optional<std::size_t>>, std::size_t> line_of_;
};

/// Whether the last decision about the image says the same.
bool holds_already(const TableDecision& wanted, const Review& review) {
  if (wanted.other) return review.are_distinct(wanted.image, *wanted.other);
  const auto number = review.decision_about(wanted.image);
  if (!number) return false;
  const data::Decision& last = review.journal().decision(*number);
  if (last.kind == data::DecisionKind::kDelete || wanted.choice.kind == data::DecisionKind::kDelete) {
    return last.kind == wanted.choice.kind;
  }
  if (wanted.choice.kind == data::DecisionKind::kKeep) return last.kind == data::DecisionKind::kKeep;
  return wanted.choice.kind == data::DecisionKind::kRelabel && last.after == wanted.choice.labels;
}

/// What was found about copies of the image and is not decided: only a decision that names it settles that.
std::vector<std::string> open_kinds(const TableDecision& wanted, const Review& review) {
  std::vector<std::string> kinds;
  const data::DecisionKind kind = wanted.choice.kind;
  if (wanted.other || (kind != data::DecisionKind::kKeep && kind != data::DecisionKind::kRelabel)) return kinds;
  for (const ReviewEntry& entry : review.queue()) {
    if (entry.image == wanted.image && !entry.others.empty() && !review.is_answered(entry)) kinds.push_back(entry.kind);
  }
  return kinds;
}

}  // namespace

std::vector<TableDecision> read_decisions(const std::filesystem::path& file, const Review& review,
                                          NewClasses new_classes) {
  return DecisionRows(data::read_table(file), review, new_classes).all();
}

std::size_t apply_decisions(const std::vector<TableDecision>& decisions, Review& review) {
  std::size_t made = 0;
  for (const TableDecision& decision : decisions) {
    const std::vector<std::string> open = open_kinds(decision, review);
    if (open.empty() && holds_already(decision, review)) continue;
    for (const std::string& kind : open) review.decide(decision.image, decision.choice, kind);
    if (open.empty()) review.decide(decision.image, decision.choice, "", decision.other);
    ++made;
  }
  return made;
}

}  // namespace margay::run
