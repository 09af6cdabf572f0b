#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace margay::data {

/// Moves a file, or a link (not what it leads to), and never over another one. Within a file system it is renamed; to
/// another it is copied with its rights and times, made durable under its name, and only then removed from the old
/// place, so that a crash leaves it at one place or at both. Folders on the way are made. Returns "", or why it could
/// not be done: "there is a file of this name already", "it is gone".
/// A move that was done already, or interrupted between the two, is completed.
std::string move_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Gives a file another name, which is free. Returns 0, or errno: EEXIST where the name is taken.
int rename_without_replacing(const std::filesystem::path& from, const std::filesystem::path& to);

/// Copies a file's bytes to a name that is free, with the time of modification where the file system has it, and waits
/// until they are on the disk. Returns 0, or errno: EEXIST where the name is taken, ENOSPC on a full disk; the part of
/// a copy is removed then.
int copy_file_durably(const std::filesystem::path& from, const std::filesystem::path& to);

/// Whether anything has this name, a dangling link too.
bool is_taken(const std::filesystem::path& path);

/// The n-th name for a file in its folder: "cat.jpg", "cat-2.jpg", "cat-3.jpg" … n: from 1.
std::filesystem::path numbered_name(const std::filesystem::path& path, int n);

/// Nanoseconds since 1970 UTC; 0 for what is not there.
std::int64_t modified_ns(const std::filesystem::path& path);
/// Sets that time; failures are ignored, as for a folder of another user.
void set_modified_ns(const std::filesystem::path& path, std::int64_t time_ns);

}  // namespace margay::data
