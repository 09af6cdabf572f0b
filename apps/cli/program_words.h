#pragma once

#include <functional>
#include <optional>
#include <string>

namespace margay::cli {

/// The word for a name between backquotes; nothing keeps it as it is. options: the struct that the text names at its
/// beginning, "[resize] …"; "" if there is none.
using WordFor = std::function<std::optional<std::string>(const std::string& name, const std::string& options)>;

/// The text with the names between backquotes replaced by their words, without the backquotes.
std::string replace_quoted(const std::string& text, const WordFor& word_for);

/// The library's text in the words of the program. The library knows no command line, so it puts its own names between
/// backquotes: fields of options and functions. Fields become flags (`min_scale`: --min-scale), functions commands. If
/// two structs have a field of the same name, the text names the struct, before the field or at its beginning:
/// `resize.size` and "[resize] `size`" become --resize, as does "[resize] size must lie in …". Other text between
/// backquotes is unchanged.
std::string program_words(const std::string& library_text);

}  // namespace margay::cli
