#include "margay/data/edits/journal_line.h"

#include <cstdint>
#include <exception>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/json_values.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using JournalJson = nlohmann::ordered_json;

constexpr std::uint64_t kJournalFormat = 1;
constexpr const char* kAcceptEdited =
    "restore the journal from a copy, or take it for what it says now with `accept_edited`";

// A line's end: ,"sum":"0123456789abcdef"} -- the checksum of all that stands before it.
constexpr std::string_view kSumBegin = R"(,"sum":")";
constexpr std::string_view kSumEnd = R"("})";
constexpr std::size_t kSumDigits = 16;
constexpr std::size_t kSumLength = kSumBegin.size() + kSumDigits + kSumEnd.size();
// And before that: ,"previous":"64 digits".
constexpr std::string_view kPreviousBegin = R"(,"previous":")";
constexpr std::size_t kPreviousDigits = 64;
constexpr std::size_t kPreviousLength = kPreviousBegin.size() + kPreviousDigits + 1;

/// The end of a line that begins so.
std::string sum_after(std::string_view body) {
  return fmt::format("{}{:016x}{}", kSumBegin, core::checksum(body), kSumEnd);
}

/// The object with its checksum as the last field. object: "{…}".
std::string with_sum(std::string object) {
  object.pop_back();
  return object + sum_after(object);
}

bool is_sum_right(std::string_view line) {
  if (line.size() < kSumLength) return false;
  const std::string_view body = line.substr(0, line.size() - kSumLength);
  return line.substr(body.size()) == sum_after(body);
}

bool follows(std::string_view line, std::string_view previous) {
  if (line.size() < kSumLength + kPreviousLength) return false;
  const std::size_t at = line.size() - kSumLength - kPreviousLength;
  return line.substr(at, kPreviousBegin.size()) == kPreviousBegin &&
         line.substr(at + kPreviousBegin.size(), kPreviousDigits) == previous;
}

[[noreturn]] void fail_at_line(const fs::path& file, std::size_t number, const std::string& problem) {
  throw core::FormatError(file, fmt::format("line {}: {}", number, problem));
}

/// Throws unless it is the first line of a journal that this version reads.
JournalJson parse_header(const fs::path& file, std::string_view line) {
  JournalJson json = core::parsed_json(line);
  if (!json.is_object() || !json.contains("margay") || json["margay"] != "decisions") {
    fail_at_line(file, 1, "this is no journal of decisions; name another file with `journal`");
  }
  const auto format = json.find("format");
  if (format == json.end() || !format->is_number_unsigned()) fail_at_line(file, 1, "its 'format' is no number");
  if (format->get<std::uint64_t>() > kJournalFormat) {
    throw core::NewerFormatError(file, fmt::format("a newer Margay wrote this journal (format {}, this one reads {}); "
                                                   "go on with that one",
                                                   format->dump(), kJournalFormat));
  }
  return json;
}

}  // namespace

std::string hash_of_line(std::string_view line) {
  static thread_local core::Sha256 sum;
  sum.restart();
  sum.update(line);
  return sum.finish();
}

std::string journal_header(const DataMarks& marks) {
  JournalJson json = {{"margay", "decisions"},
                      {"format", kJournalFormat},
                      {"created", utc_now()},
                      {"images", marks.images},
                      {"marks", JournalJson::array()}};
  for (const std::uint64_t mark : marks.marks) json["marks"].push_back(fmt::format("{:016x}", mark));
  return with_sum(json.dump());
}

DataMarks marks_of_header(const fs::path& file, std::string_view line) {
  const JournalJson json = parse_header(file, line);
  if (!is_sum_right(line)) {
    fail_at_line(file, 1, fmt::format("it was changed after it was written; {}", kAcceptEdited));
  }
  DataMarks marks;
  try {
    marks.images = json.at("images").get<std::size_t>();
    for (const JournalJson& mark : json.at("marks")) {
      marks.marks.push_back(std::stoull(mark.get<std::string>(), nullptr, 16));
    }
  } catch (const std::exception&) {
    fail_at_line(file, 1, "its marks of the dataset cannot be read");
  }
  return marks;
}

std::string resummed_header(const fs::path& file, std::string_view line) {
  JournalJson json = parse_header(file, line);
  json.erase("sum");
  return with_sum(json.dump());
}

std::string chained_line(const Decision& decision, std::string_view previous) {
  std::string object = to_line(decision);
  object.pop_back();
  return with_sum(fmt::format("{}{}{}\"}}", object, kPreviousBegin, previous));
}

void check_chained(const fs::path& file, std::size_t number, std::string_view line, std::string_view previous) {
  if (!is_sum_right(line)) {
    fail_at_line(file, number, fmt::format("it was changed after it was written; {}", kAcceptEdited));
  }
  if (follows(line, previous)) return;
  fail_at_line(file, number,
               fmt::format("it does not follow the line before it: lines were changed, taken out or inserted there; {}",
                           kAcceptEdited));
}

void refuse_line(const fs::path& file, std::size_t number, const char* problem) {
  fail_at_line(file, number, fmt::format("no decision that can be read: {}", problem));
}

}  // namespace margay::data
