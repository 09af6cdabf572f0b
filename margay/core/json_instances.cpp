#include "margay/core/json_instances.h"

namespace nlohmann::detail {

template class serializer<ordered_json>;
template class serializer<json>;
template class lexer<ordered_json, TextAdapter>;
template class lexer<json, TextAdapter>;
template class parser<ordered_json, TextAdapter>;
template class parser<json, TextAdapter>;
template class json_sax_dom_parser<ordered_json>;
template class json_sax_dom_parser<json>;
template class json_sax_dom_callback_parser<ordered_json>;
template class json_sax_dom_callback_parser<json>;

}  // namespace nlohmann::detail

template class std::vector<nlohmann::ordered_json>;
template class std::vector<nlohmann::json>;

template nlohmann::ordered_json::basic_json(const nlohmann::ordered_json&);
template nlohmann::ordered_json::basic_json(std::initializer_list<nlohmann::detail::json_ref<nlohmann::ordered_json>>,
                                            bool, nlohmann::detail::value_t);
