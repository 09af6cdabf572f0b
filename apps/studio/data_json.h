#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "apps/studio/dataset.h"
#include "apps/studio/dataset_shelf.h"
#include "apps/studio/image_filter.h"

namespace margay::studio {

/// A name for people: control characters spelled out, bytes that are not UTF-8 replaced.
std::string shown_name(std::string_view name);

/// {"images", "train", "valid", "unlabelled", "is_multi_label", "deep_bits", "classes": [[name, images, train, valid]],
/// "labels_by", "split_by", "split_problem", "warnings", "left_out", "change"}.
nlohmann::ordered_json dataset_json(const OpenedDataset& dataset);

/// {"state", "done", "total", "problem", "revision", "origin"}, and with findings also "is_of_this_data", "kinds":
/// [{"name", "title", "severity", "remedy", "count", "images"}] and "others": those that name no image. revision: of
/// the dataset.
nlohmann::ordered_json check_json(const ShelvedDataset::Checked& checked, std::uint64_t revision);

/// data::to_json, with the "title" of its kind.
nlohmann::ordered_json finding_json(const data::Finding& finding);

/// {"i", "id", "labels": [positions in "classes"], "side", "version"}, "name" where it is not the id, and where
/// something was found "finding" and "harms". findings: may be null.
nlohmann::ordered_json image_json(const OpenedDataset& dataset, const ImageFindings* findings, std::size_t i);

/// What the file itself says: {"path", "modified", "bytes", "format", "bits", "width", "height"}; "problem" where it is
/// no image.
nlohmann::ordered_json file_json(const std::filesystem::path& path);

}  // namespace margay::studio
