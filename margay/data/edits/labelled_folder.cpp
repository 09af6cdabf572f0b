#include "margay/data/edits/labelled_folder.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/data/edits/decision.h"
#include "margay/data/edits/move_file.h"
#include "margay/data/source/folder_walk.h"
#include "margay/data/source/image_name.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using StepJson = nlohmann::ordered_json;

std::string path_in_step(const StepJson& step, const char* field) {
  const auto found = step.find(field);
  return found == step.end() ? "" : core::path_of_json(*found);
}

/// Whether a move was made. One that left both names is completed, where they are one file.
bool is_done(const fs::path& from, const fs::path& to) {
  if (!is_taken(to)) return false;
  return !is_taken(from) || move_file(from, to).empty();
}

std::string absolute_name(const fs::path& path) {
  std::error_code failure;
  const fs::path canonical = fs::weakly_canonical(path, failure);
  return failure ? fs::absolute(path).lexically_normal().native() : canonical.native();
}

}  // namespace

void check_class_name(std::string_view label) {
  const std::string problem = problem_of_class_name(label);
  if (problem.empty()) return;
  throw std::invalid_argument(
      fmt::format("[LabelledFolder] '{}' cannot be a class: {}", core::spelled_out(label), problem));
}

LabelledFolder::LabelledFolder(const fs::path& root) : folders_(root) {
  std::error_code failure;
  fs::create_directories(root, failure);
  if (failure) throw core::IoError(root, "the folder cannot be made", failure.value());
  take_over();
}

fs::path LabelledFolder::log_path() const { return root() / ".margay" / "labelled.jsonl"; }

void LabelledFolder::read() {
  if (is_log_lost()) {
    throw core::FormatError(log_path(),
                            "the log was removed or cut while it was in use; restore it from a copy, or "
                            "start again: images stay in their classes, but none can be taken back");
  }
  std::ifstream file(log_path(), std::ios::binary);
  if (!file) throw core::DataError(log_path(), "the log may not be read");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  std::string_view rest = std::string_view(text).substr(bytes_);
  while (!rest.empty()) {
    const std::size_t length = rest.find('\n');
    ++lines_;
    take_line(rest.substr(0, length));
    rest.remove_prefix(length + 1);
  }
  bytes_ = text.size();
}

void LabelledFolder::take_line(std::string_view line) {
  try {
    const StepJson step = StepJson::parse(line);
    const std::string kind = step.at("step").get<std::string>();
    const std::string id = step.value("id", "");
    if (kind == "undoing") {
      intended_undos_.push_back({.kind = Step::Kind::kUndo,
                                 .image = {.who = step.value("who", ""), .id = id},
                                 .undoes = step.at("undoes").get<std::size_t>()});
      return;
    }
    if (kind == "undo") return take_undo(step.at("undoes").get<std::size_t>(), id);
    LabelledImage image{.image = path_in_step(step, "image"),
                        .label = step.at("label").get<std::string>(),
                        .source = path_in_step(step, "source"),
                        .is_moved = step.value("moved", false),
                        .is_random = step.value("random", false),
                        .who = step.value("who", ""),
                        .id = id,
                        .time = step.value("time", "")};
    if (kind == "move") {
      intended_.push_back(std::move(image));
      return;
    }
    if (kind != "add") throw std::invalid_argument("its step is none that this version knows");
    std::erase_if(intended_, [&](const LabelledImage& each) { return each.source == image.source; });
    take_image(std::move(image));
  } catch (const std::exception& error) {
    throw core::FormatError(
        log_path(), fmt::format("line {} cannot be read ({}); restore the log from a copy, or move it away", lines_,
                                core::one_line(error.what())));
  }
}

void LabelledFolder::take_image(LabelledImage image) {
  // Two processes may have confirmed one move.
  const auto [known, is_new] = number_of_image_.emplace(image.image, images_.size() + 1);
  if (!image.id.empty()) number_of_id_.emplace(image.id, known->second);
  if (!image.is_moved && !image.source.empty()) number_of_copy_[image.source] = known->second;
  if (!is_new) return;
  image.number = known->second;
  images_.push_back(std::move(image));
}

void LabelledFolder::take_undo(std::size_t number, const std::string& id) {
  LabelledImage& image = images_.at(number - 1);
  image.is_undone = true;
  number_of_image_.erase(image.image);
  number_of_copy_.erase(image.source);
  std::erase_if(intended_undos_, [&](const Step& each) { return each.undoes == number; });
  if (!id.empty()) number_of_id_.emplace(id, number);
}

void LabelledFolder::write(const Step& step) {
  if (!log_) log_.emplace(log_path());
  StepJson json;
  const LabelledImage& image = step.image;
  constexpr std::array kSteps = {"add", "move", "undoing", "undo"};
  json["step"] = kSteps.at(static_cast<std::size_t>(step.kind));
  json["time"] = utc_now();
  if (step.kind == Step::Kind::kUndo || step.kind == Step::Kind::kUndoing) {
    json["undoes"] = step.undoes;
  } else {
    json["image"] = core::path_json(image.image);
    json["label"] = image.label;
    if (!image.source.empty()) json["source"] = core::path_json(image.source);
    if (image.is_moved) json["moved"] = true;
    if (image.is_random) json["random"] = true;
  }
  if (!image.who.empty()) json["who"] = image.who;
  if (!image.id.empty()) json["id"] = image.id;
  log_->append(json.dump() + "\n");
  log_->sync();
  read();
}

fs::path LabelledFolder::place_after_undo(const LabelledImage& image) const {
  return image.is_moved ? root() / image.source : root() / ".margay" / "trash" / "labelled" / image.image;
}

/// A move that was interrupted is either made, and then confirmed, or not made, and then forgotten.
void LabelledFolder::finish_moves() {
  const std::vector<LabelledImage> moves = std::exchange(intended_, {});
  for (const LabelledImage& move : moves) {
    if (is_done(root() / move.source, root() / move.image)) write({.kind = Step::Kind::kAdd, .image = move});
  }
  const std::vector<Step> undos = std::exchange(intended_undos_, {});
  for (const Step& undo : undos) {
    const LabelledImage& image = images_.at(undo.undoes - 1);
    const fs::path from = root() / image.image;
    if (!is_taken(from) || is_done(from, place_after_undo(image))) write(undo);
  }
}

PathList LabelledFolder::loose_images() const {
  std::vector<std::string> names;
  const FolderListing listing = list_folder(root());
  for (std::size_t i = 0; i < listing.files.size(); ++i) {
    if (has_image_extension(listing.files[i])) names.push_back(listing.files[i].native());
  }
  std::sort(names.begin(), names.end());
  PathList images;
  for (const std::string& name : names) images.add((root() / fs::path(name).filename()).native());
  return images;
}

bool LabelledFolder::was_copied(const fs::path& source) const {
  return number_of_copy_.contains(absolute_name(source));
}

/// Before something is changed: what others have changed, and what a kill has interrupted.
void LabelledFolder::begin() {
  take_over();
  if (!log_) folders_.remove_left_parts();
  finish_moves();
}

void LabelledFolder::add_class(const std::string& label) {
  check_class_name(label);
  begin();
  folders_.make_class(label);
}

std::optional<LabelledImage> LabelledFolder::done_before(const std::string& id) const {
  const auto found = id.empty() ? number_of_id_.end() : number_of_id_.find(id);
  if (found == number_of_id_.end()) return std::nullopt;
  return images_[found->second - 1];
}

/// is_new: of the file. One of the same name that somebody has removed is no image any more.
LabelledImage LabelledFolder::add(LabelledImage labelled, bool is_new) {
  const std::string name = labelled.image;
  const auto earlier = number_of_image_.find(name);
  if (earlier != number_of_image_.end() && !is_new) {
    const LabelledImage same = images_[earlier->second - 1];
    // A file of the same name and bytes in another place: it is not asked about again.
    if (!labelled.source.empty() && labelled.source != same.source) {
      write({.kind = Step::Kind::kAdd, .image = std::move(labelled)});
    }
    return same;
  }
  if (earlier != number_of_image_.end()) write({.kind = Step::Kind::kUndo, .undoes = earlier->second});
  write({.kind = Step::Kind::kAdd, .image = std::move(labelled)});
  return images_[number_of_image_.at(name) - 1];
}

LabelledImage LabelledFolder::add_bytes(std::string_view bytes, const std::string& name, const std::string& label,
                                        const LabelRequest& request) {
  check_class_name(label);
  begin();
  if (auto done = done_before(request.id)) return *done;
  const PlacedImage placed = folders_.place_bytes(bytes, name, label);
  return add({.image = placed.name, .label = label, .who = request.who, .id = request.id}, !placed.was_there);
}

LabelledImage LabelledFolder::add_file(const fs::path& image, const std::string& label, const LabelRequest& request) {
  check_class_name(label);
  begin();
  if (auto done = done_before(request.id)) return *done;
  LabelledImage labelled{.label = label, .is_random = request.is_random, .who = request.who, .id = request.id};
  std::error_code ignored;
  if (fs::equivalent(image.parent_path(), root(), ignored)) return add_loose(image, std::move(labelled));
  labelled.source = absolute_name(image);
  const PlacedImage placed = folders_.place(image, label, PlacedAs::kCopy);
  labelled.image = placed.name;
  return add(std::move(labelled), !placed.was_there);
}

LabelledImage LabelledFolder::add_loose(const fs::path& image, LabelledImage labelled) {
  labelled.source = image.filename().native();
  labelled.is_moved = true;
  if (!is_taken(image)) throw core::DataError(image, "the image is gone: somebody else may have labelled it");
  while (true) {
    labelled.image = folders_.free_name(labelled.source, labelled.label);
    folders_.make_class(labelled.label);
    write({.kind = Step::Kind::kMove, .image = labelled});
    const std::string problem = move_file(image, root() / labelled.image);
    if (problem.empty()) break;
    std::erase_if(intended_, [&](const LabelledImage& each) { return each.source == labelled.source; });
    if (!is_taken(root() / labelled.image)) throw core::DataError(image, "it cannot be moved: " + problem);
  }
  core::sync_folder((root() / labelled.image).parent_path());
  core::sync_folder(root());
  return add(std::move(labelled), true);
}

void LabelledFolder::take_back(const LabelledImage& image) {
  const fs::path from = root() / image.image;
  if (!is_taken(from)) {
    throw core::DataError(from, "the image was moved or deleted since, so its label cannot be taken back");
  }
  const fs::path wanted = place_after_undo(image);
  fs::path to = wanted;
  for (int n = 2; is_taken(to); ++n) to = numbered_name(wanted, n);
  const std::string problem = move_file(from, to);
  if (!problem.empty()) throw core::DataError(from, "it cannot be moved back: " + problem);
  core::sync_folder(to.parent_path());
}

std::optional<LabelledImage> LabelledFolder::undo(const std::string& who, const std::string& id) {
  begin();
  if (auto done = done_before(id)) return done;
  const auto last = std::find_if(images_.rbegin(), images_.rend(),
                                 [&](const LabelledImage& image) { return !image.is_undone && image.who == who; });
  if (last == images_.rend()) return std::nullopt;
  const LabelledImage image = *last;
  write({.kind = Step::Kind::kUndoing, .image = {.who = who, .id = id}, .undoes = image.number});
  take_back(image);
  write({.kind = Step::Kind::kUndo, .image = {.who = who, .id = id}, .undoes = image.number});
  return images_[image.number - 1];
}

bool LabelledFolder::is_log_lost() const {
  std::error_code none;
  const auto bytes = fs::file_size(log_path(), none);
  return bytes_ > 0 && (none || bytes < bytes_);
}

bool LabelledFolder::take_over() {
  const std::size_t before = bytes_;
  if (bytes_ > 0 || is_taken(log_path())) read();
  return bytes_ > before;
}

}  // namespace margay::data
