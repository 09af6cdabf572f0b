#include "apps/studio/option_form.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace margay::studio {
namespace {

using FormJson = nlohmann::ordered_json;
using Kind = core::FieldType::Kind;

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kSwitch:
      return "switch";
    case Kind::kInteger:
      return "integer";
    case Kind::kReal:
      return "real";
    case Kind::kPath:
      return "path";
    case Kind::kName:
      return "choice";
    case Kind::kList:
      return "list";
    case Kind::kOptions:
      return "options";
    default:
      return "text";
  }
}

FormJson form_of_field(const core::Field& field, const void* defaults) {
  const core::FieldType& type = field.type->plain();
  FormJson json = {{"name", field.name}, {"help", field.help}, {"kind", name_of(type.kind)}};
  if (type.kind == Kind::kOptions) {
    json["fields"] = form_of(type.table(), field.of(defaults));
    return json;
  }
  json["default"] = core::value_to_json(*field.type, field.of(defaults));
  if (field.type->kind == Kind::kOptional) json["is_optional"] = true;
  if (std::isfinite(field.range.low)) json["low"] = field.range.low;
  if (std::isfinite(field.range.high)) json["high"] = field.range.high;
  if (type.kind == Kind::kList) json["element"] = name_of(type.element->kind);
  const core::FieldType& single = type.kind == Kind::kList ? *type.element : type;
  if (single.kind == Kind::kName) json["names"] = single.names();
  return json;
}

}  // namespace

FormJson form_of(const core::OptionTable& table, const void* defaults) {
  FormJson fields = FormJson::array();
  for (const core::Field& field : table) fields.push_back(form_of_field(field, defaults));
  return fields;
}

}  // namespace margay::studio
