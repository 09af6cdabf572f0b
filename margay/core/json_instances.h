// What nlohmann::json's reader and writer are made of is compiled once, by json_instances.cpp. This header comes with
// the precompiled one: without it each batch of sources would compile the same for itself, some 25 s of CPU time of the
// whole build.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace margay::core {

/// How nlohmann::json reads a string.
using JsonText = nlohmann::detail::iterator_input_adapter<std::string::const_iterator>;

}  // namespace margay::core

extern template class nlohmann::detail::serializer<nlohmann::ordered_json>;
extern template class nlohmann::detail::serializer<nlohmann::json>;
extern template class nlohmann::detail::lexer<nlohmann::ordered_json, margay::core::JsonText>;
extern template class nlohmann::detail::lexer<nlohmann::json, margay::core::JsonText>;
extern template class nlohmann::detail::parser<nlohmann::ordered_json, margay::core::JsonText>;
extern template class nlohmann::detail::parser<nlohmann::json, margay::core::JsonText>;
extern template class nlohmann::detail::json_sax_dom_parser<nlohmann::ordered_json>;
extern template class nlohmann::detail::json_sax_dom_parser<nlohmann::json>;
extern template class nlohmann::detail::json_sax_dom_callback_parser<nlohmann::ordered_json>;
extern template class nlohmann::detail::json_sax_dom_callback_parser<nlohmann::json>;

extern template class std::vector<nlohmann::ordered_json>;
extern template class std::vector<nlohmann::json>;

extern template nlohmann::ordered_json::basic_json(const nlohmann::ordered_json&);
extern template nlohmann::ordered_json::basic_json(
    std::initializer_list<nlohmann::detail::json_ref<nlohmann::ordered_json>>, bool, nlohmann::detail::value_t);
