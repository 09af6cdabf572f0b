#include "margay/run/review.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/edits/class_folders.h"
#include "margay/run/random_order.h"

namespace margay::run {
namespace {

constexpr std::uint64_t kSampleSeed = 42;
constexpr const char* kConflict = "conflict";
constexpr const char* kOffered = "offered";

std::pair<std::size_t, std::size_t> ordered_pair(std::size_t a, std::size_t b) { return std::minmax(a, b); }

data::Labels sorted_labels(data::Labels labels) {
  std::sort(labels.begin(), labels.end());
  return labels;
}

}  // namespace

const core::OptionTable& ReviewOptions::fields() {
  static const core::OptionTable table(
      "review",
      {core::field<&ReviewOptions::who>("who", "the name that decisions bear; by default the user's"),
       core::field<&ReviewOptions::allowed_wrong>(
           "allowed_wrong", "the random sample ends when at most this share of all labels is wrong", {0, 1}),
       core::field<&ReviewOptions::confidence>("confidence", "how sure that bound is", {0.5, 0.9999}),
       core::field<&ReviewOptions::sample_first>("sample_first", "begin with the random sample, whatever was found")});
  return table;
}

Review::Review(ReviewedData data, std::span<const data::Finding> findings, data::Journal& journal,
               const ReviewOptions& options)
    : data_(std::move(data)), journal_(journal), options_(options), begin_(journal.size()) {
  core::validate(options_);
  const std::size_t n = data_.images.size();
  if (data_.labels.size() != n || data_.validates.size() != n ||
      (!data_.predicted.empty() && data_.predicted.size() != n)) {
    throw std::invalid_argument("[Review] images, labels, sets and predictions must be as many");
  }
  own_classes_ = sorted_labels(data_.classes);
  const data::Root root(data_.root);
  names_.reserve(n);
  for (std::size_t i = 0; i < n; ++i) names_.push_back(root.relative(data_.images.names().text(i)));
  for (std::size_t i = 0; i < n; ++i) image_of_name_.emplace(names_[i], i);
  decided_.assign(n, 0);
  const data::LabelEdits edits(journal_, data_.root, data_.images, data_.labeller);
  add_doubtful(edits);
  for (const data::Finding& finding : findings) add_entries(finding, root);
  std::stable_sort(queue_.begin(), queue_.end(), [](const auto& a, const auto& b) { return a.gain > b.gain; });
  sample_order_ = random_order(names_, kSampleSeed);
  find_sample_begin();
}

/// Decisions that hold are taken over, under the name that their image has now; doubtful ones become entries.
void Review::add_doubtful(const data::LabelEdits& edits) {
  std::set<std::size_t> doubtful;
  for (const data::LabelEdit& edit : edits.all()) {
    const std::string& before = journal_.decision(edit.decision).image;
    if (edit.image != before) renamed_[before] = edit.image;
    const bool is_conflict = edit.state == data::EditState::kConflict;
    if (!is_conflict && edit.state != data::EditState::kOffered) continue;
    doubtful.insert(edit.decision);
    std::vector<std::string> images = edit.candidates;
    if (images.empty()) images.push_back(edit.image);
    for (const std::string& name : images) {
      if (const auto image = find(name)) {
        queue_.push_back({.image = *image,
                          .kind = is_conflict ? kConflict : kOffered,
                          .text = edit.why,
                          .suggestion = edit.labels,
                          .probability = 1,
                          .gain = 2});
      }
    }
  }
  take_decisions();
  for (std::size_t& number : decided_) {
    if (doubtful.contains(number)) number = 0;
  }
}

void Review::add_entries(const data::Finding& finding, const data::Root& root) {
  if (!can_be_reviewed(finding.kind) || finding.paths.empty()) return;
  std::vector<std::size_t> images;
  for (const std::filesystem::path& path : finding.paths) {
    if (const auto image = find(root.relative(path.native()))) images.push_back(*image);
  }
  if (images.empty()) ++findings_elsewhere_;
  for (ReviewEntry& entry : entries_of(finding, images)) queue_.push_back(std::move(entry));
}

std::optional<std::size_t> Review::find(std::string_view name) const {
  const auto found = image_of_name_.find(name);
  if (found == image_of_name_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::size_t> Review::image_of(const std::string& name_in_journal) const {
  if (const auto image = find(name_in_journal)) return image;
  const auto renamed = renamed_.find(name_in_journal);
  return renamed == renamed_.end() ? std::nullopt : find(renamed->second);
}

void Review::take_decisions() {
  while (taken_ < journal_.size()) take(journal_.decision(++taken_));
}

void Review::take(const data::Decision& decision) {
  if (decision.kind == data::DecisionKind::kUndo) {
    revert(journal_.decision(decision.undoes));
    return;
  }
  const auto image = image_of(decision.image);
  if (!image || journal_.is_undone(decision.number)) return;
  if (decision.new_class) take_new_classes(decision);
  if (data::is_about_label(decision.kind)) decided_[*image] = decision.number;
  if (decision.kind == data::DecisionKind::kRelabel) first_pending_ = 0;  // copies may be under two labels again
  if (decision.kind == data::DecisionKind::kSkip && decision.number > begin_) {
    skipped_.emplace(*image, decision.finding);
  }
  if (decision.kind == data::DecisionKind::kNotDuplicate) {
    if (const auto other = image_of(decision.other)) distinct_.insert(ordered_pair(*image, *other));
  }
  if (decision.finding == kRandomSample && sample_begin_ == 0) find_sample_begin();
}

/// A class that was added stays one for this review, also when the decision is undone.
void Review::take_new_classes(const data::Decision& decision) {
  for (const std::string& label : decision.after) {
    const auto place = std::lower_bound(data_.classes.begin(), data_.classes.end(), label);
    if (std::find(data_.classes.begin(), data_.classes.end(), label) == data_.classes.end()) {
      data_.classes.insert(place, label);
    }
  }
}

/// Somebody may have decided it twice, of whom one has taken it back.
bool Review::is_still_distinct(std::size_t image, std::size_t other) const {
  const auto decisions = std::span(journal_.decisions()).first(taken_);
  return std::any_of(decisions.begin(), decisions.end(), [&](const data::Decision& each) {
    if (each.kind != data::DecisionKind::kNotDuplicate || journal_.is_undone(each.number)) return false;
    const auto a = image_of(each.image);
    const auto b = image_of(each.other);
    return a && b && ordered_pair(*a, *b) == ordered_pair(image, other);
  });
}

/// What held before the decision holds again.
void Review::revert(const data::Decision& undone) {
  first_pending_ = 0;
  const auto image = image_of(undone.image);
  if (!image) return;
  if (undone.kind == data::DecisionKind::kSkip) skipped_.erase({*image, undone.finding});
  if (undone.kind == data::DecisionKind::kNotDuplicate) {
    const auto other = image_of(undone.other);
    if (other && !is_still_distinct(*image, *other)) distinct_.erase(ordered_pair(*image, *other));
  }
  if (decided_[*image] == undone.number) {
    std::size_t& number = decided_[*image];
    for (number = undone.number - 1; number > 0; --number) {
      const data::Decision& earlier = journal_.decision(number);
      if (data::is_about_label(earlier.kind) && !journal_.is_undone(number) && image_of(earlier.image) == image) break;
    }
  }
  if (undone.number == sample_begin_) find_sample_begin();
}

/// The population: the images without a decision about their label before the first one of the sample.
void Review::find_sample_begin() {
  sample_begin_ = 0;
  in_sample_.assign(data_.size(), true);
  for (const data::Decision& decision : journal_.decisions()) {
    if (decision.number > taken_) break;
    if (decision.kind == data::DecisionKind::kUndo || journal_.is_undone(decision.number)) continue;
    if (decision.finding == kRandomSample) {
      sample_begin_ = decision.number;
      return;
    }
    const auto image = image_of(decision.image);
    if (image && data::is_about_label(decision.kind)) in_sample_[*image] = false;
  }
}

const data::Labels& Review::labels(std::size_t image) const {
  const std::size_t number = decided_.at(image);
  if (number == 0 || is_deleted(image)) return data_.labels[image];
  return journal_.decision(number).after;
}

bool Review::is_deleted(std::size_t image) const {
  const std::size_t number = decided_.at(image);
  return number != 0 && journal_.decision(number).kind == data::DecisionKind::kDelete;
}

std::optional<std::size_t> Review::decision_about(std::size_t image) const {
  return decided_.at(image) == 0 ? std::nullopt : std::optional(decided_[image]);
}

bool Review::are_distinct(std::size_t image, std::size_t other) const {
  return distinct_.contains(ordered_pair(image, other));
}

/// Copies are settled when no other copy is left, or by a decision that was made about them.
bool Review::is_answered(const ReviewEntry& entry) const {
  const std::size_t number = decided_[entry.image];
  if (entry.others.empty()) return number != 0;
  if (is_deleted(entry.image)) return true;
  const bool is_of_labels = is_of_two_labels(entry.kind);  // which are one when they agree
  const bool has_copy = std::any_of(entry.others.begin(), entry.others.end(), [&](std::size_t other) {
    return !is_deleted(other) && !are_distinct(entry.image, other) &&
           !(is_of_labels && data::have_same_labels(labels(entry.image), labels(other)));
  });
  return !has_copy || (number != 0 && journal_.decision(number).finding == entry.kind);
}

bool Review::was_skipped(const ReviewEntry& entry) const { return skipped_.contains({entry.image, entry.kind}); }

std::optional<ReviewEntry> Review::next_in_queue() const {
  while (first_pending_ < queue_.size() && is_answered(queue_[first_pending_])) ++first_pending_;
  for (std::size_t i = first_pending_; i < queue_.size(); ++i) {
    if (!is_answered(queue_[i]) && !was_skipped(queue_[i])) return queue_[i];
  }
  return std::nullopt;
}

/// How many of sample_order_ have been looked at, those outside the population included.
std::size_t Review::sample_prefix() const {
  if (sample_begin_ == 0) return 0;
  std::size_t i = 0;
  while (i < sample_order_.size()) {
    const std::size_t image = sample_order_[i];
    if (in_sample_[image] && decided_[image] == 0 && !skipped_.contains({image, std::string(kRandomSample)})) break;
    ++i;
  }
  return i;
}

std::optional<ReviewEntry> Review::next_in_sample() const {
  const RemainingWrong left = remaining();
  if (left.share_at_most().value_or(1) <= options_.allowed_wrong) return std::nullopt;
  for (std::size_t i = sample_prefix(); i < sample_order_.size(); ++i) {
    const std::size_t image = sample_order_[i];
    if (!in_sample_[image] || decided_[image] != 0) continue;
    return ReviewEntry{
        .image = image,
        .kind = std::string(kRandomSample),
        .text = fmt::format("image {} of {} in random order, seed {}", left.sample.looked_at + 1,
                            left.sample.population, kSampleSeed),
        .probability = left.estimate.value_or(0) / static_cast<double>(std::max<std::size_t>(1, left.images))};
  }
  return std::nullopt;
}

bool Review::take_over() {
  if (!journal_.refresh()) return false;
  take_decisions();
  next_.reset();
  return true;
}

const std::optional<ReviewEntry>& Review::next() {
  take_over();
  if (next_) return next_;
  if (again_) return next_ = std::exchange(again_, std::nullopt);
  if (options_.sample_first) next_ = next_in_sample();
  if (!next_) next_ = next_in_queue();
  if (!next_ && !options_.sample_first) next_ = next_in_sample();
  return next_;
}

std::vector<ReviewEntry> Review::pending() const {
  std::vector<ReviewEntry> entries;
  for (const ReviewEntry& entry : queue_) {
    if (!is_answered(entry)) entries.push_back(entry);
  }
  return entries;
}

void Review::check(std::size_t image, const ReviewChoice& choice, std::optional<std::size_t> other) const {
  if (image >= data_.size() || other.value_or(0) >= data_.size()) {
    throw std::invalid_argument("[Review] there is no such image");
  }
  if (choice.kind == data::DecisionKind::kUndo) throw std::invalid_argument("[Review] undo() undoes");
  if (choice.kind == data::DecisionKind::kNotDuplicate && (!other || *other == image)) {
    throw std::invalid_argument(
        fmt::format("[Review] {} has no copy here that it could be no duplicate of", names_[image]));
  }
  if (choice.kind != data::DecisionKind::kRelabel) return;
  if (data_.labeller.task == data::Task::kSingleLabel && choice.labels.size() != 1) {
    throw std::invalid_argument(
        fmt::format("[Review] {} needs one label, got {}", names_[image], choice.labels.size()));
  }
  for (const std::string& label : choice.labels) {
    if (std::find(data_.classes.begin(), data_.classes.end(), label) != data_.classes.end()) continue;
    if (!choice.new_class) {
      throw std::invalid_argument(fmt::format("[Review] there is no class '{}'{}", core::spelled_out(label),
                                              core::did_you_mean(label, data_.classes)));
    }
    const std::string problem = data::problem_of_class_name(label);
    if (problem.empty()) continue;
    throw std::invalid_argument(fmt::format("[Review] '{}' cannot be a class: {}", core::spelled_out(label), problem));
  }
}

/// Labels that the data has already are kept, whoever typed them, and what was relabelled and is kept stays relabelled.
ReviewChoice Review::plain_choice(std::size_t image, const ReviewChoice& choice) const {
  if (choice.kind != data::DecisionKind::kKeep && choice.kind != data::DecisionKind::kRelabel) return choice;
  const data::Labels& wanted = choice.kind == data::DecisionKind::kKeep ? labels(image) : choice.labels;
  if (sorted_labels(wanted) == sorted_labels(data_.labels[image])) return {.kind = data::DecisionKind::kKeep};
  return {.kind = data::DecisionKind::kRelabel, .labels = wanted, .new_class = choice.new_class};
}

data::Decision Review::decision_of(std::size_t image, const ReviewChoice& choice, const std::string& kind) const {
  const data::Root root(data_.root);
  // What cannot be read can still be skipped, or nobody would get past it.
  data::Decision decision{.kind = choice.kind, .image = names_[image], .before = data_.labels[image]};
  if (choice.kind != data::DecisionKind::kSkip) {
    decision = data::decide(choice.kind, root, data_.images[image], data_.labels[image]);
  }
  if (choice.kind == data::DecisionKind::kKeep) decision.after = data_.labels[image];
  if (choice.kind == data::DecisionKind::kRelabel) {
    decision.after = choice.labels;
    decision.new_class = !std::all_of(choice.labels.begin(), choice.labels.end(), [this](const std::string& label) {
      return std::binary_search(own_classes_.begin(), own_classes_.end(), label);
    });
  }
  decision.part = data_.validates[image] ? "valid" : "train";
  decision.finding = kind;
  decision.who = options_.who;
  return decision;
}

std::size_t Review::decide(std::size_t image, const ReviewChoice& choice, const std::string& kind,
                           std::optional<std::size_t> other, const ReviewSource& source) {
  check(image, choice, other);
  data::Decision decision = decision_of(image, plain_choice(image, choice), kind);
  if (choice.kind == data::DecisionKind::kNotDuplicate) {
    decision.other = names_[*other];
    decision.other_content = data::content_of(data_.images[*other]);
  }
  if (!source.who.empty()) decision.who = source.who;
  decision.id = source.id;
  const std::size_t number = journal_.append(std::move(decision));
  next_.reset();
  again_.reset();
  take_decisions();
  return number;
}

void Review::decide(const ReviewChoice& choice) {
  if (!next_) throw std::invalid_argument("[Review] there is no image to decide about");
  const ReviewEntry entry = *next_;
  if (choice.kind != data::DecisionKind::kNotDuplicate) {
    decide(entry.image, choice, entry.kind);
    return;
  }
  if (entry.others.empty()) check(entry.image, choice, std::nullopt);
  for (const std::size_t other : entry.others) {
    if (!are_distinct(entry.image, other)) decide(entry.image, choice, entry.kind, other);
  }
}

std::optional<std::size_t> Review::entry_of(const data::Decision& decision) const {
  const auto image = image_of(decision.image);
  const auto found = std::find_if(queue_.begin(), queue_.end(), [&](const ReviewEntry& entry) {
    return entry.image == image && entry.kind == decision.finding;
  });
  if (found == queue_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - queue_.begin());
}

std::optional<data::Decision> Review::undo(const ReviewSource& source) {
  take_over();
  const std::string& who = source.who.empty() ? options_.who : source.who;
  if (const auto done = journal_.number_of(source.id)) return journal_.decision(journal_.decision(*done).undoes);
  for (std::size_t number = journal_.size(); number > 0; --number) {
    const data::Decision decision = journal_.decision(number);
    if (decision.kind == data::DecisionKind::kUndo || journal_.is_undone(number) || decision.who != who) {
      continue;
    }
    journal_.undo(number, who, source.id);
    take_decisions();
    next_.reset();
    again_.reset();
    if (const auto entry = entry_of(decision)) {
      again_ = queue_[*entry];
    } else if (const auto image = image_of(decision.image)) {
      again_ = ReviewEntry{.image = *image, .kind = decision.finding, .text = "undone"};
    }
    return decision;
  }
  return std::nullopt;
}

}  // namespace margay::run
