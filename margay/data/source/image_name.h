#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "margay/data/source/left_out.h"

namespace margay::data {

/// The extension of a name if it is one of images (".jpg" of "a.jpg", ".PNG" of "a.PNG"), otherwise "".
std::string_view image_extension(std::string_view name);

/// Whether the file name has an extension of images (.jpg, .png, …, in any case).
bool has_image_extension(const std::filesystem::path& path);

/// Nothing for a file that is an image by its name or, where that tells nothing, by its first bytes; else what it is
/// instead. A raw image of a camera that begins as a TIFF does is known by its name.
std::optional<LeftOutKind> why_no_image(const std::string& path);

/// Of a file that its extension says is no image, such as a text or an archive; nothing for others.
std::optional<LeftOutKind> other_by_extension(std::string_view name);

}  // namespace margay::data
