#include "apps/studio/data_request.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/request_values.h"
#include "margay/core/field_type.h"
#include "margay/http/target.h"

namespace margay::studio {

run::DataOptions data_options_of(const http::Request& request, const ServedFolders& folders,
                                 const ServedFolder& folder) {
  run::DataOptions options;
  core::from_json(json_of(request, "options"), options);
  for (const core::Field& field : run::DataOptions::fields()) {
    if (field.type->kind != core::FieldType::Kind::kPath) continue;
    auto& path = *static_cast<std::filesystem::path*>(field.of(&options));
    if (!path.empty()) path = folders.inside(folder, path.native());
  }
  return options;
}

void refuse_files(const nlohmann::ordered_json& given, const core::OptionTable& table) {
  if (!given.is_object()) return;  // from_json says what is wrong
  for (const core::Field& field : table) {
    auto value = given.find(field.name);
    if (value == given.end() && field.old_name != nullptr) value = given.find(field.old_name);
    if (value == given.end()) continue;
    const core::FieldType& type = field.type->plain();
    if (type.kind == core::FieldType::Kind::kOptions) refuse_files(*value, type.table());
    const bool is_list = type.kind == core::FieldType::Kind::kList;
    const core::FieldType& single = is_list ? *type.element : type;
    if (single.kind != core::FieldType::Kind::kPath || *value == "" || *value == "auto" || *value == "cached" ||
        *value == "none" || (is_list && value->empty())) {
      continue;
    }
    throw http::RequestError(403, fmt::format("`{}` names a file, which a page may not", field.name));
  }
}

}  // namespace margay::studio
