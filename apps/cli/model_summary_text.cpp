#include "apps/cli/model_summary_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "margay/core/options.h"
#include "margay/core/text_table.h"

namespace margay::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string trainable_text(std::int64_t parameters, std::int64_t trainable) {
  if (parameters == 0) return "";
  if (trainable == parameters) return "yes";
  return trainable == 0 ? "no" : fmt::format("{}", trainable);
}

std::string count_text(std::int64_t count) { return count == 0 ? "" : fmt::format("{}", count); }

/// Millions, with three digits at least.
std::string macs_text(std::int64_t macs, std::int64_t batch_size) {
  if (macs == 0) return "";
  const double millions = static_cast<double>(macs) / static_cast<double>(batch_size) / 1e6;
  return millions < 1 ? fmt::format("{:.3g}", millions) : fmt::format("{:.2f}", millions);
}

std::string rows_text(const model::ModelSummary& summary) {
  using enum core::TextTable::Align;
  core::TextTable table({{"group", kLeft},
                         {"layer", kLeft},
                         {"kind", kLeft},
                         {"output", kLeft},
                         {"parameters"},
                         {"trainable"},
                         {"MMACs"}});
  for (const model::SummaryRow& row : summary.rows) {
    table.add({row.group, row.layer, row.kind, fmt::format("[{}]", fmt::join(row.output, ",")),
               count_text(row.parameters), trainable_text(row.parameters, row.trainable_parameters),
               macs_text(row.macs, summary.batch_size)});
  }
  return table.text();
}

std::string groups_text(const model::ModelSummary& summary) {
  using enum core::TextTable::Align;
  core::TextTable table({{"group", kLeft}, {"parameters"}, {"trainable"}});
  const auto add = [&](const std::string& name, std::int64_t parameters, std::int64_t trainable) {
    table.add({name, std::to_string(parameters), std::to_string(trainable)});
  };
  for (const model::SummaryGroup& each : summary.groups) add(each.name, each.parameters, each.trainable_parameters);
  add("all", summary.parameters(), summary.trainable_parameters());
  return table.text();
}

Json json_of(const model::SummaryRow& row) {
  return {{"group", row.group},
          {"layer", row.layer},
          {"kind", row.kind},
          {"output", row.output},
          {"parameters", row.parameters},
          {"trainable_parameters", row.trainable_parameters},
          {"macs", row.macs},
          {"activation_bytes", row.activation_bytes}};
}

}  // namespace

std::string model_summary_text(const model::ModelSummary& summary) {
  return fmt::format(
      "{}\n{}\n{:.4g} GMACs an image of {} pixels; the results of all layers take {:.1f} MB for a batch of {}, in "
      "float32\n",
      rows_text(summary), groups_text(summary), static_cast<double>(summary.macs_per_image()) / 1e9, summary.image_px,
      static_cast<double>(summary.activation_bytes()) / 1e6, summary.batch_size);
}

Json model_summary_json(const model::ModelSummary& summary) {
  Json json = {{"batch_size", summary.batch_size},
               {"image_px", summary.image_px},
               {"parameters", summary.parameters()},
               {"trainable_parameters", summary.trainable_parameters()},
               {"macs_per_image", summary.macs_per_image()},
               {"activation_bytes", summary.activation_bytes()},
               {"groups", Json::array()},
               {"rows", Json::array()}};
  for (const model::SummaryGroup& each : summary.groups) {
    json["groups"].push_back(
        {{"name", each.name}, {"parameters", each.parameters}, {"trainable_parameters", each.trainable_parameters}});
  }
  for (const model::SummaryRow& each : summary.rows) json["rows"].push_back(json_of(each));
  return json;
}

}  // namespace margay::cli
