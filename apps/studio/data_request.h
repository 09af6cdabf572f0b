#pragma once

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

}  // namespace margay::studio
