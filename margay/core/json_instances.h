// What nlohmann::json's reader and writer are made of is compiled once, by json_instances.cpp. This header comes with
// the precompiled one: without it each batch of sources would compile the same for itself, some 25 s of CPU time of the
// whole build.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace nlohmann::detail {

using TextAdapter = iterator_input_adapter<std::string::const_iterator>;

extern template class serializer<ordered_json>;
extern template class serializer<json>;
extern template class lexer<ordered_json, TextAdapter>;
extern template class lexer<json, TextAdapter>;
extern template class parser<ordered_json, TextAdapter>;
extern template class parser<json, TextAdapter>;
extern template class json_sax_dom_parser<ordered_json>;
extern template class json_sax_dom_parser<json>;
extern template class json_sax_dom_callback_parser<ordered_json>;
extern template class json_sax_dom_callback_parser<json>;

}  // namespace nlohmann::detail

extern template class std::vector<nlohmann::ordered_json>;
extern template class std::vector<nlohmann::json>;

extern template nlohmann::ordered_json::basic_json(const nlohmann::ordered_json&);
extern template nlohmann::ordered_json::basic_json(
    std::initializer_list<nlohmann::detail::json_ref<nlohmann::ordered_json>>, bool, nlohmann::detail::value_t);
