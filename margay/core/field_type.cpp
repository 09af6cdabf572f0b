#include "margay/core/field_type.h"

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::core {

void refuse_name(const std::string& text, const std::vector<std::string>& known) {
  throw std::invalid_argument(
      fmt::format("'{}' is none of {}{}", text, joined(known, ", "), did_you_mean(text, known)));
}

template const FieldType& field_type<bool>();
template const FieldType& field_type<int>();
template const FieldType& field_type<std::int64_t>();
template const FieldType& field_type<std::uint64_t>();
template const FieldType& field_type<double>();
template const FieldType& field_type<std::string>();
template const FieldType& field_type<std::filesystem::path>();
template const FieldType& field_type<std::optional<int>>();
template const FieldType& field_type<std::optional<std::int64_t>>();
template const FieldType& field_type<std::optional<double>>();
template const FieldType& field_type<std::optional<std::string>>();
template const FieldType& field_type<std::vector<double>>();
template const FieldType& field_type<std::vector<std::string>>();
template const FieldType& field_type<std::array<double, 3>>();

}  // namespace margay::core
