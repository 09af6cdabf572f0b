#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace margay::studio {

/// How the page names an image of a served folder: its path below the folder, as text that JSON and addresses can hold
/// and that no other file has. '%', '\', control characters, and in a name that is not UTF-8 every byte from 0x80 on,
/// are written as "%41"; all else stands for itself, so most names are their own ids.
std::string image_id(const std::filesystem::path& relative);

/// The path below the folder that an id names. Throws http::RequestError, 400, for a "%" without two hexadecimal digits
/// and for an empty id. Where the path leads is for ServedFolders to judge.
std::filesystem::path path_of_image_id(std::string_view id);

}  // namespace margay::studio
