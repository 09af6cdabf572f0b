#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "margay/data/edits/data_marks.h"
#include "margay/data/edits/decision.h"

namespace margay::data {

/// What a line of a journal is chained with: its SHA-256, 64 hexadecimal digits.
std::string hash_of_line(std::string_view line);

/// The first line of a new journal, without a line end.
std::string journal_header(const DataMarks& marks);

/// The dataset's marks in the first line of a journal. file: for messages. Throws core::NewerFormatError for a format
/// of a later version, core::FormatError for a line that is no header or was changed after it was written.
DataMarks marks_of_header(const std::filesystem::path& file, std::string_view line);

/// The first line of a journal with its sum computed anew. Throws as marks_of_header, but takes what was changed.
std::string resummed_header(const std::filesystem::path& file, std::string_view line);

/// The line of a decision after one whose hash is `previous`. Throws as to_line.
std::string chained_line(const Decision& decision, std::string_view previous);

/// Throws core::FormatError, naming the line by its number (from 1), unless it is as chained_line wrote it after one
/// whose hash is `previous`.
void check_chained(const std::filesystem::path& file, std::size_t number, std::string_view line,
                   std::string_view previous);

/// Throws core::FormatError: `problem` of a line that is no decision, such as decision_of_line throws.
[[noreturn]] void refuse_line(const std::filesystem::path& file, std::size_t number, const char* problem);

}  // namespace margay::data
