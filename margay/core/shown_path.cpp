#include "margay/core/shown_path.h"

#include "margay/core/text.h"

namespace margay::core {

std::string shown_path(const std::filesystem::path& path) { return spelled_out(path.string()); }

}  // namespace margay::core
