#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace margay::http {

/// The header fields of a request or a response, in their order. Names are compared without regard to case.
///
/// What would let one field become two is refused: names that are no token and values with control characters other
/// than a tab (RFC 9110, section 5) throw std::invalid_argument.
class Headers {
 public:
  struct Field {
    std::string name;
    std::string value;  ///< without white space around it
  };

  Headers() = default;
  Headers(std::initializer_list<Field> fields);

  /// The first field of that name, or nullptr.
  const std::string* find(std::string_view name) const;
  /// The value of the first field of that name, or "".
  std::string_view get(std::string_view name) const;
  /// How many fields have that name.
  std::size_t count(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }

  /// Replaces all fields of that name.
  void set(std::string name, std::string value);
  /// Adds a field beside those of that name.
  void add(std::string name, std::string value);
  void remove(std::string_view name);

  std::size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

/// Whether the texts are equal when A … Z count as a … z.
bool equal_names(std::string_view a, std::string_view b);

/// Whether the text is a token, such as a name of a field or a method (RFC 9110, section 5.6.2).
bool is_token(std::string_view text);

/// Whether a list of words with commas between them, such as the value of Connection, holds that word.
bool has_word(std::string_view list, std::string_view word);

/// The text without spaces and tabs around it.
std::string_view trimmed(std::string_view text);

}  // namespace margay::http
