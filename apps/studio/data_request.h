#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "apps/studio/served_folders.h"
#include "margay/http/request.h"
#include "margay/run/data_options.h"

namespace margay::studio {

/// How a request reads a folder: its query `options`, JSON of run::DataOptions; none: the defaults. Files in it are
/// relative to the folder and, as all that a request names, lie in a served folder. Throws http::RequestError: 400 for
/// JSON that is none, 403 and 404 as ServedFolders::inside; std::invalid_argument for an unknown or impossible option.
run::DataOptions data_options_of(const http::Request& request, const ServedFolders& folders,
                                 const ServedFolder& folder);

/// Refuses options that name files, at any depth: a page may set numbers and choices, but not have other files of this
/// machine read or written. Words that stand for a file, "auto", "cached" and "none", are none. given: JSON of options
/// with this table. Throws http::RequestError, 403, naming the option.
void refuse_files(const nlohmann::ordered_json& given, const core::OptionTable& table);

/// The JSON object that the query holds under a name; {} where it holds none. Throws http::RequestError, 400.
nlohmann::ordered_json json_of(const http::Request& request, const char* name);

/// A whole number of the query within low … high; `absent` where it is not given. Throws http::RequestError, 400.
std::int64_t number_of(const http::Request& request, const char* name, std::int64_t absent, std::int64_t low,
                       std::int64_t high);

}  // namespace margay::studio
