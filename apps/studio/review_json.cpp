#include "apps/studio/review_json.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "apps/studio/image_id.h"
#include "margay/core/field_type.h"
#include "margay/core/text.h"
#include "margay/data/check/finding.h"

namespace margay::studio {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostPlanned = 500;  // moves that a page lists

}  // namespace

std::vector<std::string> shown_labels(const data::Labels& labels) {
  std::vector<std::string> shown;
  for (const std::string& label : labels) shown.push_back(core::valid_utf8(label));
  return shown;
}

Json decision_json(const data::Decision& decision, bool is_undone) {
  Json json = {{"number", decision.number},
               {"time", decision.time},
               {"who", core::valid_utf8(decision.who)},
               {"kind", core::to_text(decision.kind)},
               {"image", core::valid_utf8(decision.image)},
               {"image_id", image_id(decision.image)},
               {"before", shown_labels(decision.before)},
               {"after", shown_labels(decision.after)},
               {"finding", decision.finding},
               {"undone", is_undone}};
  if (!decision.other.empty()) json["other"] = core::valid_utf8(decision.other);
  if (decision.undoes > 0) json["undoes"] = decision.undoes;
  return json;
}

Json progress_json(const run::ReviewProgress& progress) {
  return {{"kept", progress.kept},
          {"relabelled", progress.relabelled},
          {"deleted", progress.deleted},
          {"distinct", progress.distinct},
          {"changed_in_validation", progress.changed_in_validation},
          {"pending", progress.pending},
          {"skipped", progress.skipped},
          {"pending_by_kind", progress.pending_by_kind}};
}

Json remaining_json(const run::RemainingWrong& left) {
  Json json = {{"images", left.images},
               {"population", left.sample.population},
               {"looked_at", left.sample.looked_at},
               {"wrong", left.sample.wrong},
               {"confidence", left.confidence},
               {"at_most", nullptr},
               {"share_at_most", nullptr},
               {"estimate", nullptr}};
  if (left.at_most) json["at_most"] = *left.at_most;
  if (const auto share = left.share_at_most()) json["share_at_most"] = *share;
  if (left.estimate) json["estimate"] = *left.estimate;
  return json;
}

std::string title_of(const run::ReviewEntry& entry) {
  if (const auto kind = data::kind_named(entry.kind)) return data::words_of(*kind).title;
  return "";  // the page has words for conflicts, offers and the sample
}

Json moves_json(const std::vector<data::PlannedMove>& moves) {
  Json json = Json::array();
  for (std::size_t i = 0; i < std::min(kMostPlanned, moves.size()); ++i) {
    json.push_back({{"from", core::valid_utf8(moves[i].from)}, {"to", core::valid_utf8(moves[i].to)}});
  }
  return json;
}

}  // namespace margay::studio
