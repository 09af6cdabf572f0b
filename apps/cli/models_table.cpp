#include "apps/cli/models_table.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "margay/core/text.h"
#include "margay/model/architecture/architectures.h"

namespace margay::cli {
namespace {

using Json = nlohmann::ordered_json;
using model::Architecture;

constexpr const char* kUnknown = "–";

/// Three digits, without exponents.
std::string gigamacs_text(double gigamacs) {
  return gigamacs < 1e-3 ? fmt::format("{:.7f}", gigamacs) : fmt::format("{:.3g}", gigamacs);
}

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json arithmetics_of(const Architecture& known) {
  Json names = {core::to_text(model::Arithmetic::kUsual)};
  for (const model::Arithmetic each : known.arithmetics) names.push_back(core::to_text(each));
  return names;
}

std::vector<std::string> cells_of(const ListedModel& model) {
  const Architecture& known = *model.architecture;
  return {known.name,
          known.family,
          millions_text(known.parameters),
          gigamacs_text(known.gigamacs),
          std::to_string(known.input_px),
          known.top1 > 0 ? fmt::format("{:.1f}", known.top1) : kUnknown,
          published_text(known)};
}

Json json_of(const ListedModel& model) {
  const Architecture& known = *model.architecture;
  return {{"name", known.name},
          {"family", known.family},
          {"paper", known.paper},
          {"classes", known.classes > 0 ? Json(known.classes) : Json(nullptr)},
          {"parameters", known.parameters},
          {"gigamacs", known.gigamacs},
          {"input_px", known.input_px},
          {"mean", known.mean},
          {"std", known.std},
          {"resize", core::to_text(known.resize)},
          {"crop_share", known.crop_share},
          {"arithmetics", arithmetics_of(known)},
          {"top1", known.top1 > 0 ? Json(known.top1) : Json(nullptr)},
          {"weights", or_null(known.weights_name)},
          {"weights_url", or_null(known.weights_url)},
          {"oracle", or_null(known.oracle)},
          {"speed_here", model.speed ? core::to_json(*model.speed) : Json(nullptr)}};
}

std::size_t place_in_table(const std::string& network) {
  const auto& all = model::architectures();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Architecture& each) { return each.name == network; });
  return static_cast<std::size_t>(found - all.begin());
}

/// Whether the network's name alone means it.
bool is_default(const model::WeightSet& set) { return model::find_architecture(set.network).weights_url == set.url; }

}  // namespace

std::string published_text(const Architecture& architecture) {
  if (architecture.weights_name.empty()) return kUnknown;
  return architecture.weights_name + (architecture.oracle.empty() ? " (names and shapes only)" : "");
}

std::vector<const Architecture*> search_models(const std::string& text) {
  const std::string wanted = core::lower_case(text);
  std::vector<const Architecture*> found;
  for (const Architecture& each : model::architectures()) {
    const std::string known = core::lower_case(each.name) + "\n" + core::lower_case(each.family);
    if (known.find(wanted) != std::string::npos) found.push_back(&each);
  }
  return found;
}

std::vector<const model::WeightSet*> search_weight_sets(const std::string& text) {
  const std::string wanted = core::lower_case(text);
  std::vector<const model::WeightSet*> found;
  for (const model::WeightSet& each : model::weight_sets()) {
    const std::string known = core::lower_case(each.name + "\n" + each.network + "\n" + each.publisher);
    if (known.find(wanted) != std::string::npos) found.push_back(&each);
  }
  std::stable_sort(found.begin(), found.end(), [](const model::WeightSet* a, const model::WeightSet* b) {
    return place_in_table(a->network) < place_in_table(b->network);
  });
  return found;
}

std::string weight_sets_text(const std::vector<const model::WeightSet*>& sets) {
  using enum core::TextTable::Align;
  core::TextTable table({{"name", kLeft},
                         {"network", kLeft},
                         {"publisher", kLeft},
                         {"licence", kLeft},
                         {"pixels"},
                         {"mean", kLeft},
                         {"std", kLeft},
                         {"crop"},
                         {"resize", kLeft},
                         {"top-1 %"},
                         {"source", kLeft}});
  for (const model::WeightSet* each : sets) {
    table.add({each->name + (is_default(*each) ? " *" : ""), each->network, each->publisher,
               each->licence.empty() ? kUnknown : each->licence, std::to_string(each->input_px),
               fmt::format("{:.3g}", fmt::join(each->mean, ",")), fmt::format("{:.3g}", fmt::join(each->std, ",")),
               each->crop_share > 0 ? fmt::format("{:.3f}", each->crop_share) : kUnknown, core::to_text(each->resize),
               each->top1 > 0 ? fmt::format("{:.2f}", each->top1) : kUnknown, each->source});
  }
  return table.text();
}

Json weight_sets_json(const std::vector<const model::WeightSet*>& sets) {
  Json json = Json::array();
  for (const model::WeightSet* each : sets) {
    json.push_back({{"name", each->name},
                    {"network", each->network},
                    {"default", is_default(*each)},
                    {"publisher", each->publisher},
                    {"licence", or_null(each->licence)},
                    {"input_px", each->input_px},
                    {"mean", each->mean},
                    {"std", each->std},
                    {"crop_share", each->crop_share > 0 ? Json(each->crop_share) : Json(nullptr)},
                    {"resize", core::to_text(each->resize)},
                    {"top1", each->top1 > 0 ? Json(each->top1) : Json(nullptr)},
                    {"url", each->url},
                    {"source", each->source}});
  }
  return json;
}

std::string models_text(const std::vector<ListedModel>& models) {
  using enum core::TextTable::Align;
  std::vector<core::TextTable::Column> columns = {{"name", kLeft}, {"family", kLeft}, {"parameters"},    {"GMACs"},
                                                  {"pixels"},      {"top-1 %"},       {"weights", kLeft}};
  const bool has_speeds =
      std::any_of(models.begin(), models.end(), [](const ListedModel& each) { return each.speed.has_value(); });
  if (has_speeds) columns.push_back({"images/s here", kLeft});
  core::TextTable table(std::move(columns));
  for (const ListedModel& each : models) {
    std::vector<std::string> cells = cells_of(each);
    if (has_speeds) cells.push_back(each.speed ? run::speed_text(*each.speed) : kUnknown);
    table.add(std::move(cells));
  }
  return table.text();
}

Json models_json(const std::vector<ListedModel>& models) {
  Json json = Json::array();
  for (const ListedModel& each : models) json.push_back(json_of(each));
  return json;
}

std::string millions_text(std::int64_t number) {
  const double millions = static_cast<double>(number) / 1e6;
  if (millions < 0.1) return fmt::format("{:.1f} k", 1e3 * millions);
  return fmt::format("{:.{}f} M", millions, millions < 1 ? 2 : 1);
}

}  // namespace margay::cli
