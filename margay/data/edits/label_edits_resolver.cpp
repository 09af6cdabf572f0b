#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <sys/stat.h>

#include "margay/core/checksum.h"
#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/threads.h"
#include "margay/data/edits/label_edits.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSecond_ns = 1'000'000'000;

/// Of a Decision::time; 0 where it cannot be read.
std::int64_t time_ns(const std::string& time) {
  std::tm utc{};
  const char* const rest = ::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  return rest == nullptr ? 0 : std::int64_t{::timegm(&utc)} * kSecond_ns;
}

std::string quoted_labels(const Labels& labels) {
  return labels.empty() ? "no label" : fmt::format("'{}'", core::joined(labels, "', '"));
}

}  // namespace

/// Finds out what became of every decision.
class LabelEdits::Resolver {
 public:
  Resolver(LabelEdits& edits, const Journal& journal, const ImageList& images, const Labeller& labeller)
      : edits_(edits), journal_(journal), images_(images), labeller_(labeller), root_(edits.root_) {}

  void run() {
    collect();
    find_images();
    read_contents();
    find_contents();
    check_dataset();
    find_classes();
    for (const auto& [image, numbers] : subjects_) edits_.all_.push_back(resolve(image, numbers));
    std::sort(edits_.all_.begin(), edits_.all_.end(),
              [](const LabelEdit& a, const LabelEdit& b) { return a.decision < b.decision; });
    for (std::size_t i = 0; i < edits_.all_.size(); ++i) take(i);
    for (const std::size_t number : pairs_) take_pair(journal_.decision(number));
  }

 private:
  /// A file that decisions name, and what is known of its content now.
  struct JudgedFile {
    std::optional<std::size_t> position;  ///< in the list of images; nothing: not there
    ImageContent judged;                  ///< of the last decision
    std::int64_t judged_ns = 0;
    std::string sha256;   ///< now; "" where it cannot be read
    std::string problem;  ///< why not
  };

  /// Whether size and time alone say that the file is as it was judged. Within two seconds before the decision a second
  /// change may bear the same time (git calls such files racily clean).
  static bool is_surely_as_judged(const JudgedFile& file, const ImageSource& image) {
    struct stat status {};
    if (!image.is_file() || file.judged.modified_ns == 0) return false;
    if (::stat(image.name().c_str(), &status) != 0) return false;
    const std::int64_t modified = std::int64_t{status.st_mtim.tv_sec} * kSecond_ns + status.st_mtim.tv_nsec;
    return static_cast<std::uint64_t>(status.st_size) == file.judged.bytes && modified == file.judged.modified_ns &&
           modified + 2 * kSecond_ns < file.judged_ns;
  }

  void collect() {
    for (const Decision& decision : journal_.decisions()) {
      if (journal_.is_undone(decision.number)) continue;
      if (is_about_label(decision.kind)) {
        subjects_[decision.image].push_back(decision.number);
        judge(decision.image, decision.content, decision.time);
      }
      if (decision.kind == DecisionKind::kNotDuplicate) {
        pairs_.push_back(decision.number);
        judge(decision.image, decision.content, decision.time);
        judge(decision.other, decision.other_content, decision.time);
      }
    }
  }

  void judge(const std::string& image, const ImageContent& content, const std::string& time) {
    JudgedFile& file = files_[image];
    file.judged = content;
    file.judged_ns = time_ns(time);
  }

  void find_images() {
    if (files_.empty()) return;
    for (std::size_t i = 0; i < images_.size(); ++i) {
      const auto found = files_.find(root_.relative(images_.names().text(i)));
      if (found != files_.end()) found->second.position = i;
    }
  }

  void read_contents() {
    std::vector<JudgedFile*> files;
    for (auto& [image, file] : files_) {
      if (file.position) files.push_back(&file);
    }
    core::for_each_index(files.size(), [&](std::size_t i) {
      JudgedFile& file = *files[i];
      const ImageSource image = images_[*file.position];
      try {
        file.sha256 = is_surely_as_judged(file, image) ? file.judged.sha256 : content_of(image).sha256;
      } catch (const core::DataError& error) {
        file.problem = error.problem();
      }
    });
  }

  /// Looks among all images for the contents of those that are gone; only files of the same size are read.
  void find_contents() {
    std::set<std::uint64_t> sizes;
    for (const auto& [image, file] : files_) {
      if (!file.position) sizes.insert(file.judged.bytes);
    }
    if (sizes.empty()) return;
    std::vector<std::size_t> positions;
    for (std::size_t i = 0; i < images_.size(); ++i) {
      const ImageSource image = images_[i];
      std::error_code failure;
      const std::uintmax_t size = image.is_file() ? fs::file_size(image.name(), failure) : image.bytes()->size();
      if (!failure && sizes.contains(size)) positions.push_back(i);
    }
    std::vector<std::string> sums(positions.size());
    core::for_each_index(positions.size(), [&](std::size_t i) {
      try {
        sums[i] = content_of(images_[positions[i]]).sha256;
      } catch (const core::DataError&) {  // whoever reads it for training names it
      }
    });
    for (std::size_t i = 0; i < positions.size(); ++i) images_of_content_[sums[i]].push_back(positions[i]);
    images_of_content_.erase("");
  }

  bool is_found(const JudgedFile& file) const {
    return file.position || images_of_content_.contains(file.judged.sha256);
  }

  void check_dataset() const {
    const bool is_any = std::any_of(files_.begin(), files_.end(), [&](const auto& each) {
      return is_found(each.second) || is_elsewhere(each.first) || is_in_trash(each.first);
    });
    if (is_any || images_.empty() || (files_.empty() && journal_.marks().marks.empty())) return;
    if (journal_.marks().count_in(images_) > 0) return;
    throw core::DataError(
        journal_.path(),
        fmt::format("this journal is of another dataset: it was begun with {}, of which none is in "
                    "{}, nor is any that it decides about; name the right one with `journal`",
                    core::counted(journal_.marks().images, "image"), core::shown_path(root_.folder())));
  }

  void find_classes() {
    std::set<std::string> wanted;
    for (const auto& [image, numbers] : subjects_) {
      const Decision& last = journal_.decision(numbers.back());
      (last.new_class ? classes_ : wanted).insert(last.after.begin(), last.after.end());
    }
    for (const std::string& label : classes_) wanted.erase(label);
    for (std::size_t i = 0; i < images_.size() && !wanted.empty(); ++i) {
      for (const std::string& label : labels_of(i)) {
        wanted.erase(label);
        classes_.insert(label);
      }
    }
    unknown_classes_ = std::move(wanted);
  }

  Labels labels_of(std::size_t position) const {
    return labeller_.label(images_.names().text(position)).value_or(Labels());
  }

  bool is_elsewhere(const std::string& image) const {
    std::error_code ignored;
    return fs::exists(root_.path(image), ignored);
  }

  bool is_in_trash(const std::string& image) const {
    std::error_code failure;
    for (fs::directory_iterator at(root_.folder() / ".margay" / "trash", failure), end; !failure && at != end;
         at.increment(failure)) {
      std::error_code ignored;
      if (fs::exists(fs::symlink_status(at->path() / image, ignored))) return true;
    }
    return false;
  }

  LabelEdit resolve(const std::string& image, const std::vector<std::size_t>& numbers) const {
    const JudgedFile& file = files_.at(image);
    std::size_t number = numbers.back();
    if (!file.position) return resolve_gone(edit_of(number), file);
    // Of a file that was changed and changed back the decision about this content holds.
    const auto same = std::find_if(numbers.rbegin(), numbers.rend(), [&](std::size_t each) {
      return journal_.decision(each).content.sha256 == file.sha256;
    });
    if (same != numbers.rend()) number = *same;
    LabelEdit edit = edit_of(number);
    if (same != numbers.rend()) return settle(std::move(edit), *file.position, EditState::kApplied);
    return conflict(std::move(edit),
                    file.problem.empty() ? "the file was changed since" : "the file cannot be read: " + file.problem);
  }

  LabelEdit edit_of(std::size_t number) const {
    const Decision& decision = journal_.decision(number);
    return {.decision = number, .kind = decision.kind, .image = decision.image, .labels = decision.after};
  }

  static LabelEdit conflict(LabelEdit edit, std::string why) {
    edit.state = EditState::kConflict;
    edit.why = std::move(why);
    return edit;
  }

  /// state: if nothing speaks against it.
  LabelEdit settle(LabelEdit edit, std::size_t position, EditState state) const {
    const Decision& decision = journal_.decision(edit.decision);
    const Labels now = labels_of(position);
    edit.state = state;
    if (edit.kind == DecisionKind::kRelabel && have_same_labels(now, edit.labels)) {
      edit.state = EditState::kSettled;
      return edit;
    }
    if (edit.kind != DecisionKind::kDelete && have_same_labels(now, edit.labels)) return edit;
    if (!have_same_labels(now, decision.before)) {
      return conflict(std::move(edit), fmt::format("the data gives it {} now, and gave it {}", quoted_labels(now),
                                                   quoted_labels(decision.before)));
    }
    const std::string problem = edit.kind == DecisionKind::kDelete ? "" : problem_of_labels(edit.labels);
    return problem.empty() ? edit : conflict(std::move(edit), problem);
  }

  std::string problem_of_labels(const Labels& labels) const {
    if (labeller_.task == Task::kSingleLabel && labels.size() != 1) {
      return fmt::format("it says {} labels, and an image here has one", labels.size());
    }
    for (const std::string& label : labels) {
      if (!unknown_classes_.contains(label)) continue;
      const std::vector<std::string> known(classes_.begin(), classes_.end());
      return fmt::format("there is no class '{}'{}", core::one_line(label), core::did_you_mean(label, known));
    }
    return "";
  }

  LabelEdit resolve_gone(LabelEdit edit, const JudgedFile& file) const {
    const bool deletes = edit.kind == DecisionKind::kDelete;
    edit.state = deletes ? EditState::kSettled : EditState::kGone;
    if (is_elsewhere(edit.image)) {
      edit.state = EditState::kElsewhere;
      return edit;
    }
    const auto found = images_of_content_.find(file.judged.sha256);
    if (found == images_of_content_.end() || (deletes && is_in_trash(edit.image))) return edit;
    for (const std::size_t position : found->second) {
      edit.candidates.push_back(root_.relative(images_.names().text(position)));
      if (!has_own_decision(edit.candidates.back(), file.judged.sha256)) continue;
      edit.state = EditState::kSettled;  // somebody decided about it under its new name
      return edit;
    }
    const auto has_labels = [&](std::size_t position) { return have_same_labels(labels_of(position), edit.labels); };
    if (!deletes && found->second.size() > 1 && std::all_of(found->second.begin(), found->second.end(), has_labels)) {
      edit.state = EditState::kSettled;  // whichever of them it is
      return edit;
    }
    return found->second.size() == 1
               ? follow(std::move(edit), found->second.front())
               : offer(std::move(edit), fmt::format("{} images have its content", found->second.size()));
  }

  bool has_own_decision(const std::string& image, const std::string& sha256) const {
    const auto subject = subjects_.find(image);
    return subject != subjects_.end() &&
           std::any_of(subject->second.begin(), subject->second.end(),
                       [&](std::size_t number) { return journal_.decision(number).content.sha256 == sha256; });
  }

  static LabelEdit offer(LabelEdit edit, std::string why) {
    edit.state = EditState::kOffered;
    edit.why = std::move(why);
    return edit;
  }

  /// One image has the content of one that is gone: it was renamed, or is a copy that stayed.
  LabelEdit follow(LabelEdit edit, std::size_t position) const {
    const Labels now = labels_of(position);
    const std::string name = edit.candidates.front();
    if (edit.kind == DecisionKind::kDelete) {
      return offer(std::move(edit), fmt::format("'{}' has its content, and may be a copy that is to stay", name));
    }
    const Labels& before = journal_.decision(edit.decision).before;
    if (!have_same_labels(now, before) && !have_same_labels(now, edit.labels)) {
      return offer(std::move(edit),
                   fmt::format("'{}' has its content, but {} for {}", name, quoted_labels(now), quoted_labels(before)));
    }
    edit.image = name;
    return settle(std::move(edit), position, EditState::kFollowed);
  }

  void take(std::size_t i) {
    LabelEdit& edit = edits_.all_[i];
    if (edit.state == EditState::kOffered) edits_.judged_[edit.decision] = journal_.decision(edit.decision);
    if (edit.state != EditState::kApplied && edit.state != EditState::kFollowed) return;
    const std::size_t position = edit.state == EditState::kApplied
                                     ? *files_.at(edit.image).position
                                     : images_of_content_.at(journal_.decision(edit.decision).content.sha256).front();
    edits_.applied_.emplace(images_.names().text(position), i);
    edit.changes = edit.kind == DecisionKind::kDelete || !have_same_labels(edit.labels, labels_of(position));
    if (edit.changes) ++(edit.kind == DecisionKind::kDelete ? edits_.deleted_ : edits_.relabelled_);
  }

  /// The name now of an image that was judged to be none of two copies.
  std::optional<std::string> name_now(const std::string& image, const ImageContent& judged) const {
    const JudgedFile& file = files_.at(image);
    if (file.position) return file.sha256 == judged.sha256 ? std::optional(image) : std::nullopt;
    const auto found = images_of_content_.find(judged.sha256);
    if (found == images_of_content_.end() || found->second.size() != 1) return std::nullopt;
    return root_.relative(images_.names().text(found->second.front()));
  }

  void take_pair(const Decision& decision) {
    const auto a = name_now(decision.image, decision.content);
    const auto b = name_now(decision.other, decision.other_content);
    if (a && b) edits_.distinct_.insert(std::minmax(*a, *b));
  }

  LabelEdits& edits_;
  const Journal& journal_;
  const ImageList& images_;
  const Labeller& labeller_;
  Root root_;
  std::map<std::string, std::vector<std::size_t>> subjects_;  ///< relative path -> decisions about its labels
  std::vector<std::size_t> pairs_;
  std::unordered_map<std::string, JudgedFile> files_;  ///< by relative path
  std::unordered_map<std::string, std::vector<std::size_t>> images_of_content_;
  std::set<std::string> classes_;
  std::set<std::string> unknown_classes_;
};

LabelEdits::LabelEdits(const Journal& journal, const fs::path& folder, const ImageList& images,
                       const Labeller& labeller)
    : journal_path_(journal.path()), journal_hash_(journal.hash()), root_(root_of_journal(journal.path(), folder)) {
  Resolver(*this, journal, images, labeller).run();
  std::map<std::string, std::string> changes;
  for (const LabelEdit& edit : all_) {
    if (!edit.changes) continue;
    std::string& text = changes[edit.image];
    text = edit.kind == DecisionKind::kDelete ? "delete" : "labels";
    for (const std::string& label : edit.labels) text += '\0' + label;
  }
  if (changes.empty()) return;
  core::Sha256 sum;
  for (const auto& [image, text] : changes) {
    const std::string entry = fmt::format("{}\n{}{}\n{}", image.size(), image, text.size(), text);
    sum.update(entry);
  }
  hash_ = sum.finish();
}

}  // namespace margay::data
