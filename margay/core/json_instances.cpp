#include "margay/core/json_instances.h"

template class nlohmann::detail::serializer<nlohmann::ordered_json>;
template class nlohmann::detail::serializer<nlohmann::json>;
template class nlohmann::detail::lexer<nlohmann::ordered_json, margay::core::JsonText>;
template class nlohmann::detail::lexer<nlohmann::json, margay::core::JsonText>;
template class nlohmann::detail::parser<nlohmann::ordered_json, margay::core::JsonText>;
template class nlohmann::detail::parser<nlohmann::json, margay::core::JsonText>;
template class nlohmann::detail::json_sax_dom_parser<nlohmann::ordered_json>;
template class nlohmann::detail::json_sax_dom_parser<nlohmann::json>;
template class nlohmann::detail::json_sax_dom_callback_parser<nlohmann::ordered_json>;
template class nlohmann::detail::json_sax_dom_callback_parser<nlohmann::json>;

template class std::vector<nlohmann::ordered_json>;
template class std::vector<nlohmann::json>;

template nlohmann::ordered_json::basic_json(const nlohmann::ordered_json&);
template nlohmann::ordered_json::basic_json(std::initializer_list<nlohmann::detail::json_ref<nlohmann::ordered_json>>,
                                            bool, nlohmann::detail::value_t);
