#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "margay/data/item.h"
#include "margay/data/source/folder_walk.h"

namespace margay::data {

/// What a person decides about an image.
enum class DecisionKind : std::uint8_t {
  kKeep,          ///< the labels in `after` are right
  kRelabel,       ///< the labels in `after` are right, those in `before` are wrong
  kDelete,        ///< the image does not belong to the data
  kNotDuplicate,  ///< `image` and `other` are two images, however alike they look
  kSkip,          ///< nothing yet
  kUndo           ///< the decision number `undoes` does not count any more
};

constexpr auto names(DecisionKind /*tag*/) {
  return std::array{std::pair{DecisionKind::kKeep, "keep"},     std::pair{DecisionKind::kRelabel, "relabel"},
                    std::pair{DecisionKind::kDelete, "delete"}, std::pair{DecisionKind::kNotDuplicate, "not_duplicate"},
                    std::pair{DecisionKind::kSkip, "skip"},     std::pair{DecisionKind::kUndo, "undo"}};
}

/// Which bytes an image had, so that a decision finds it again under another name, and never changes another image.
struct ImageContent {
  std::string sha256;            ///< of the file's bytes, 64 hexadecimal digits; "" where it was not read
  std::uint64_t bytes = 0;       ///< the file's size
  std::int64_t modified_ns = 0;  ///< its time of modification, nanoseconds since 1970 UTC; 0: not known
  bool operator==(const ImageContent& other) const { return sha256 == other.sha256; }
};

/// One decision about an image; a line of a journal.
struct Decision {
  DecisionKind kind = DecisionKind::kKeep;
  /// Relative to the folder of the data, with '/'; any bytes that a file's name may have.
  std::string image = "";
  ImageContent content = {};
  /// The labels that the data itself gives the image (folder, table, name), without any decision; one, or several.
  Labels before = {};
  /// kKeep, kRelabel: the right ones.
  Labels after = {};
  std::string other = "";  ///< kNotDuplicate: the other image, as `image`
  ImageContent other_content = {};
  std::string part = "";      ///< "train", "valid" or "test": where the image was when it was judged; "": not known
  std::string finding = "";   ///< the kind of finding that it was judged for, such as "label_issue"; "": for none
  std::string evidence = "";  ///< what the finding said, such as "p(dog) = .98"
  std::string who = "";       ///< the name of who decided
  std::string id = "";        ///< of the request that it came with: a request that is repeated adds nothing; "": none
  bool new_class = false;     ///< kRelabel: a label in `after` may be a class that the data did not have before
  std::size_t undoes = 0;     ///< kUndo: the number of the decision undone

  // Set by Journal::append.
  std::size_t number = 0;  ///< in its journal, from 1
  std::string time = "";   ///< UTC by ISO 8601, "2026-03-01T12:00:00.123Z"

  /// Fields of the line that this version does not know, as a JSON object; "" for none. They are kept.
  std::string unknown = "";

  bool operator==(const Decision& other) const = default;
};

/// Whether the decision says which labels are right, or that the image goes: of these the last one of an image holds.
bool is_about_label(DecisionKind kind);

/// Whether both hold the same labels, in any order.
bool have_same_labels(Labels a, Labels b);

/// Throws std::invalid_argument unless the decision has all that its kind needs, and nothing it cannot mean.
void check_decision(const Decision& decision);

/// The decision as one line of JSON, without a line end: the fields that are set, in a fixed order. Paths that are not
/// UTF-8 stand in `image_escaped` (`other_escaped`) with %XX for bytes. Throws std::invalid_argument for a decision
/// that lacks what its kind needs, or whose texts are not UTF-8.
std::string to_line(const Decision& decision);

/// The decision of a line. Throws std::invalid_argument, whose text completes "line 12: …": no JSON, no kind, a kind
/// or a type that is not known, a path that is absolute or empty, labels missing.
Decision decision_of_line(std::string_view line);

/// A decision of this kind about a file, with its content: to be given `after` and whatever else is known. root: the
/// folder of the data. Reads the file. Throws core::DataError if it cannot be read.
Decision decide(DecisionKind kind, const Root& root, const ImageSource& image, const Labels& before);

/// What is known of an image's bytes; reads all of them. Throws core::DataError if that cannot be done.
ImageContent content_of(const ImageSource& image);

/// The time now, as Decision::time.
std::string utc_now();

}  // namespace margay::data
