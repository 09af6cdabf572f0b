#include "margay/data/edits/label_edits.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/text.h"

namespace margay::data {

std::size_t LabelEdits::count(EditState state) const {
  return static_cast<std::size_t>(
      std::count_if(all_.begin(), all_.end(), [&](const LabelEdit& edit) { return edit.state == state; }));
}

const LabelEdit* LabelEdits::edit(std::string_view path) const {
  if (applied_.empty()) return nullptr;
  const auto found = applied_.find(std::string(path));
  return found == applied_.end() ? nullptr : &all_[found->second];
}

bool LabelEdits::is_deleted(std::string_view path) const {
  const LabelEdit* const found = edit(path);
  return found != nullptr && found->kind == DecisionKind::kDelete;
}

const Labels* LabelEdits::labels(std::string_view path) const {
  const LabelEdit* const found = edit(path);
  return found == nullptr || found->kind == DecisionKind::kDelete ? nullptr : &found->labels;
}

bool LabelEdits::are_distinct(std::string_view path, std::string_view other) const {
  if (distinct_.empty()) return false;
  const Root root(root_);
  return distinct_.contains(std::minmax(root.relative(path), root.relative(other)));
}

Items LabelEdits::apply(const Items& items) const {
  if (applied_.empty()) return items;
  Items edited(items.task());
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (const Labels* const decided = labels(items.paths().text(i))) {
      edited.add(items.image(i), *decided);
      continue;
    }
    Labels same;
    for (const std::uint32_t id : items.label_ids(i)) same.push_back(items.label_names()[id]);
    edited.add(items.image(i), same);
  }
  return edited;
}

Split LabelEdits::without_deleted(const Items& items, Split split) const {
  if (deleted_ == 0) return split;
  const auto goes = [&](std::size_t row) { return is_deleted(items.paths().text(row)); };
  std::erase_if(split.train, goes);
  std::erase_if(split.valid, goes);
  return split;
}

Decision LabelEdits::confirm(const LabelEdit& offer, const std::string& image, const Labeller& labeller) const {
  const auto judged = judged_.find(offer.decision);
  const bool is_candidate =
      std::find(offer.candidates.begin(), offer.candidates.end(), image) != offer.candidates.end();
  if (judged == judged_.end() || !is_candidate) {
    throw std::invalid_argument(
        fmt::format("[LabelEdits] decision {} is not offered for the image '{}'", offer.decision, image));
  }
  Decision decision = judged->second;
  const Root root(root_);
  const std::string path = root.path(image);
  decision.image = image;
  decision.content = content_of(std::filesystem::path(path));
  decision.before = labeller.label(path).value_or(Labels());
  if (decision.kind == DecisionKind::kRelabel && have_same_labels(decision.before, decision.after)) {
    decision.kind = DecisionKind::kKeep;
  }
  decision.number = 0;
  decision.time.clear();
  return decision;
}

std::vector<std::string> LabelEdits::sentences() const {
  std::vector<std::string> sentences;
  const std::size_t applied = count(EditState::kApplied) + count(EditState::kFollowed);
  sentences.push_back(fmt::format("{} of {} in {} apply: {} relabelled, {} deleted, {} as they were", applied,
                                  core::counted(all_.size(), "decision"), core::shown_path(journal_path_), relabelled_,
                                  deleted_, applied - relabelled_ - deleted_));
  const auto tell_of = [&](EditState state, const char* what, const char* remedy) {
    NameList names;
    for (const LabelEdit& edit : all_) {
      if (edit.state == state) names.add(edit.image + (edit.why.empty() ? "" : " (" + edit.why + ")"));
    }
    if (names.empty()) return;
    sentences.push_back(
        fmt::format("of {} {}: {}{}", core::counted(names.size(), "decision"), what, names.text(), remedy));
  };
  tell_of(EditState::kFollowed, "the image has another name now", "");
  tell_of(EditState::kOffered, "only the content of an image matches", "; none applies until it is confirmed");
  tell_of(EditState::kConflict, "the image, its labels or the classes have changed", "; none applies; decide again");
  tell_of(EditState::kGone, "the image is gone", "");
  return sentences;
}

void LabelEdits::tell(LeftOut& left_out) const {
  const Root root(root_);
  for (const LabelEdit& edit : all_) {
    if (edit.changes && edit.kind == DecisionKind::kDelete) {
      left_out.add(LeftOutKind::kDeletedImage, root.path(edit.image));
    }
  }
}

}  // namespace margay::data
