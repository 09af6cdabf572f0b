#include <algorithm>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/options.h"
#include "margay/core/text.h"

namespace margay::core {

OptionRule needs(std::vector<std::string> others, std::string when) {
  return {.kind = OptionRule::Kind::kNeeds, .others = std::move(others), .when = std::move(when)};
}

OptionRule excludes(std::vector<std::string> others, std::string what) {
  return {.kind = OptionRule::Kind::kExcludes, .others = std::move(others), .what = std::move(what)};
}

OptionRule of_inner(std::string field, OptionRule rule) {
  rule.inner = std::move(field);
  return rule;
}

namespace {

/// A field that is no struct, with the rules of its own and those of the structs around it.
struct RuledField {
  const char* table;
  const Field* field;
  const void* value;
  const void* by_default;
  std::vector<const OptionRule*> rules;

  std::string key() const { return fmt::format("{}.{}", table, field->name); }
};

/// All such fields of a struct, those of nested ones in their place.
std::vector<RuledField> ruled_fields(const OptionTable& table, const void* options, const void* defaults) {
  std::vector<RuledField> all;
  for (const Field& field : table) {
    std::vector<RuledField> own = {{table.name(), &field, field.of(options), field.of(defaults), {}}};
    if (field.type->kind == FieldType::Kind::kOptions) {
      own = ruled_fields(field.type->table(), field.of(options), field.of(defaults));
    }
    for (RuledField& each : own) {
      for (const OptionRule& rule : field.rules) {
        if (rule.inner.empty() || rule.inner == each.field->name) each.rules.push_back(&rule);
      }
    }
    std::move(own.begin(), own.end(), std::back_inserter(all));
  }
  return all;
}

std::string value_text(const RuledField& field) {
  const nlohmann::ordered_json json = value_to_json(*field.field->type, field.value);
  return json.is_string() ? json.get<std::string>() : json.dump();
}

/// The rules of one set of options.
class RuleCheck {
 public:
  RuleCheck(const OptionTable& table, const void* options, const void* defaults, const IsGiven& is_given)
      : name_(table.name()), fields_(ruled_fields(table, options, defaults)), is_given_(is_given) {}

  void run() const {
    for (const RuledField& field : fields_) {
      if (!is_given(field)) continue;
      for (const OptionRule* rule : field.rules) check(field, *rule);
    }
  }

 private:
  void check(const RuledField& field, const OptionRule& rule) const {
    if (!rule.when.empty() && value_text(field) != rule.when) return;
    const bool is_absent = field.field->type->kind == FieldType::Kind::kOptional && !is_set(field);
    if (is_absent) return;
    if (rule.kind == OptionRule::Kind::kNeeds) return check_needs(field, rule);
    if (!is_set(field)) return;
    for (const std::string& other : rule.others) {
      if (!is_set(field, other)) continue;
      throw std::invalid_argument(rule.what.empty()
                                      ? fmt::format("[{}] {} has no effect together with {}; leave one out", name_,
                                                    quoted(field), quoted(field, other))
                                      : fmt::format("[{}] {} and {} both set {}; give one", name_, quoted(field),
                                                    quoted(field, other), rule.what));
    }
  }

  void check_needs(const RuledField& field, const OptionRule& rule) const {
    std::vector<std::string> names;
    for (const std::string& other : rule.others) {
      if (is_set(field, other)) return;
      names.push_back(quoted(field, other));
    }
    const std::string subject = quoted(field) + (rule.when.empty() ? "" : " " + rule.when);
    throw std::invalid_argument(fmt::format("[{}] {} needs {}; {}", name_, subject, joined(names, " or "),
                                            names.size() == 1 ? "give both, or neither" : "give one, or leave it out"));
  }

  bool is_given(const RuledField& field) const { return is_given_ ? is_given_(field.key()) : differs(field); }

  static bool differs(const RuledField& field) {
    const FieldType& type = *field.field->type;
    return value_to_json(type, field.value) != value_to_json(type, field.by_default);
  }

  bool is_set(const RuledField& field) const {
    const FieldType& type = *field.field->type;
    switch (type.kind) {
      case FieldType::Kind::kSwitch:
        return *static_cast<const bool*>(field.value);
      case FieldType::Kind::kText:
      case FieldType::Kind::kPath:
        return !value_text(field).empty();
      case FieldType::Kind::kOptional:
        return type.size(field.value) > 0;
      default:
        return is_given(field) || differs(field);
    }
  }

  /// other: as a rule of the field names it, "split" or "split=grouped".
  bool is_set(const RuledField& field, const std::string& other) const {
    const RuledField& found = find(field, other.substr(0, other.find('=')));
    const std::size_t value = other.find('=');
    return value == std::string::npos ? is_set(found) : value_text(found) == other.substr(value + 1);
  }

  /// Of the field's own struct, or the only one of that name.
  const RuledField& find(const RuledField& field, const std::string& name) const {
    const RuledField* found = nullptr;
    for (const RuledField& each : fields_) {
      if (each.field->name != name && each.key() != name) continue;
      if (std::string_view(each.table) == field.table) return each;
      MARGAY_CHECK(found == nullptr, fmt::format("a rule of {} names one of two options {}", field.key(), name));
      found = &each;
    }
    MARGAY_CHECK(found != nullptr, fmt::format("a rule of {} names no option: {}", field.key(), name));
    return *found;
  }

  /// A switch that was turned off is named so.
  std::string quoted(const RuledField& field) const {
    const bool is_off = field.field->type->kind == FieldType::Kind::kSwitch && !is_set(field);
    return fmt::format("`{}{}`", is_off ? "no_" : "", shortest(field));
  }

  std::string quoted(const RuledField& field, const std::string& other) const {
    const std::size_t value = other.find('=');
    const std::string name = shortest(find(field, other.substr(0, value)));
    return fmt::format("`{}`{}", name, value == std::string::npos ? "" : " " + other.substr(value + 1));
  }

  std::string shortest(const RuledField& field) const {
    const auto has_name = [&](const RuledField& each) {
      return std::string_view(each.field->name) == field.field->name;
    };
    return std::count_if(fields_.begin(), fields_.end(), has_name) > 1 ? field.key() : field.field->name;
  }

  const char* name_;
  std::vector<RuledField> fields_;
  const IsGiven& is_given_;
};

}  // namespace

void check_rules(const OptionTable& table, const void* options, const void* defaults, const IsGiven& is_given) {
  RuleCheck(table, options, defaults, is_given).run();
}

}  // namespace margay::core
