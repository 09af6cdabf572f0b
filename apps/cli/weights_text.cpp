#include "apps/cli/weights_text.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/program_words.h"
#include "margay/core/options.h"
#include "margay/core/text.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::cli {
namespace {

using Json = nlohmann::ordered_json;
using model::WeightsDifference;

constexpr std::size_t kMetadataColumns = 100;

/// "float32": the words of PyTorch and NumPy.
std::string dtype_text(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "float32";
    case at::kHalf:
      return "float16";
    case at::kBFloat16:
      return "bfloat16";
    case at::kDouble:
      return "float64";
    case at::kLong:
      return "int64";
    case at::kInt:
      return "int32";
    case at::kShort:
      return "int16";
    case at::kChar:
      return "int8";
    case at::kByte:
      return "uint8";
    case at::kBool:
      return "bool";
    default:
      return c10::toString(type);
  }
}

std::string shape_text(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", core::joined(shape, ",")); }

/// A value of the metadata may be a whole document.
std::string shortened(const std::string& text) {
  const std::string line = core::one_line(text);
  if (line.size() <= kMetadataColumns) return line;
  std::size_t end = kMetadataColumns;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;  // not within a character
  return fmt::format("{}… ({} bytes)", line.substr(0, end), text.size());
}

std::string network_text(const std::optional<model::Recognised>& network) {
  if (!network) return "none that is known";
  return fmt::format("{}, names: {}, {:.0f} % of the tensors", network->architecture->name, network->naming,
                     100 * network->share);
}

/// What else the weights expect, and what may be wrong about that.
std::string expectation_text(const model::PublishedForm& form) {
  std::string text = fmt::format("expects  {}\n", program_words(model::form_text(form)));
  for (const std::string& warning : form.warnings) text += fmt::format("warning  {}\n", program_words(warning));
  return text;
}

Json expectation_json(const model::PublishedForm& form) {
  return {{"publisher_name", form.name.empty() ? Json(nullptr) : Json(form.name)},
          {"told_by", form.source.empty() ? Json(nullptr) : Json(form.source)},
          {"arithmetic", core::to_text(form.arithmetic)},
          {"mean", form.mean},
          {"std", form.std},
          {"warnings", form.warnings}};
}

std::int64_t bytes_of(const model::TensorMap& tensors) {
  std::int64_t bytes = 0;
  for (const auto& each : tensors) bytes += static_cast<std::int64_t>(each.second.nbytes());
  return bytes;
}

std::int64_t values_of(const model::TensorMap& tensors) {
  std::int64_t values = 0;
  for (const auto& each : tensors) values += each.second.numel();
  return values;
}

std::string tensors_text(const model::TensorMap& tensors) {
  using enum core::TextTable::Align;
  core::TextTable table(
      {{"tensor", kLeft}, {"dtype", kLeft}, {"shape", kLeft}, {"bytes"}, {"min"}, {"max"}, {"mean"}, {"non-finite"}});
  for (const auto& [name, tensor] : tensors) {
    const model::TensorStatistics numbers = model::statistics_of(tensor);
    table.add({core::one_line(name), dtype_text(tensor.scalar_type()), shape_text(tensor.sizes().vec()),
               std::to_string(tensor.nbytes()), fmt::format("{:.4g}", numbers.min), fmt::format("{:.4g}", numbers.max),
               fmt::format("{:.4g}", numbers.mean), numbers.non_finite == 0 ? "" : std::to_string(numbers.non_finite)});
  }
  return table.text();
}

/// JSON knows no infinity.
Json number_json(double number) { return std::isfinite(number) ? Json(number) : Json("inf"); }

std::string heading(std::size_t count, const std::string& what) { return fmt::format("{} {}:\n", count, what); }

std::string more_text(std::size_t count, std::size_t limit) {
  return count > limit ? fmt::format("  and {} more\n", count - limit) : "";
}

std::string names_text(const std::vector<std::string>& names, const std::string& where, std::size_t limit) {
  if (names.empty()) return "";
  std::string text = heading(names.size(), "only in " + core::spelled_out(where));
  for (std::size_t i = 0; i < std::min(limit, names.size()); ++i) {
    text += fmt::format("  {}\n", core::one_line(names[i]));
  }
  return text + more_text(names.size(), limit);
}

/// Tensors of two shapes or dtypes; `text` says one of them.
template <class Unlike, class Text>
std::string unlike_text(const std::vector<Unlike>& tensors, const std::string& what, std::size_t limit, Text text) {
  if (tensors.empty()) return "";
  std::string lines = heading(tensors.size(), what);
  for (std::size_t i = 0; i < std::min(limit, tensors.size()); ++i) {
    lines += fmt::format("  {}: {}, {}\n", core::one_line(tensors[i].name), text(tensors[i].a), text(tensors[i].b));
  }
  return lines + more_text(tensors.size(), limit);
}

std::string values_text(const std::vector<WeightsDifference::Values>& tensors, std::size_t limit) {
  if (tensors.empty()) return "";
  using enum core::TextTable::Align;
  core::TextTable table({{"tensor", kLeft}, {"largest difference"}, {"values that differ"}});
  for (std::size_t i = 0; i < std::min(limit, tensors.size()); ++i) {
    table.add({core::one_line(tensors[i].name), fmt::format("{:.4g}", tensors[i].largest),
               fmt::format("{} of {}", tensors[i].differing, tensors[i].values)});
  }
  return heading(tensors.size(), "with other values") + table.text("  ") + more_text(tensors.size(), limit);
}

template <class Unlike, class Text>
Json unlike_json(const std::vector<Unlike>& tensors, Text text) {
  Json json = Json::array();
  for (const Unlike& each : tensors) json.push_back({{"tensor", each.name}, {"a", text(each.a)}, {"b", text(each.b)}});
  return json;
}

}  // namespace

std::string inspected_text(const InspectedWeights& weights) {
  const model::TensorMap& tensors = weights.file.tensors;
  std::string text = fmt::format("{}\nformat   {}\nnetwork  {}\ntensors  {}: {} values, {} bytes\n",
                                 core::spelled_out(weights.path.string()), weights.file.format,
                                 network_text(weights.network), tensors.size(), values_of(tensors), bytes_of(tensors));
  if (weights.form) text += expectation_text(*weights.form);
  for (const auto& [key, value] : weights.file.metadata) {
    text += fmt::format("metadata {}: {}\n", core::one_line(key), shortened(value));
  }
  return tensors.empty() ? text : text + "\n" + tensors_text(tensors);
}

Json inspected_json(const InspectedWeights& weights) {
  Json json = {{"path", weights.path.string()}, {"format", weights.file.format}, {"network", nullptr}};
  if (weights.network) {
    json["network"] = {{"name", weights.network->architecture->name},
                       {"naming", weights.network->naming},
                       {"share", weights.network->share}};
  }
  json["expects"] = weights.form ? expectation_json(*weights.form) : Json(nullptr);
  json["metadata"] = weights.file.metadata;
  json["tensors"] = Json::array();
  for (const auto& [name, tensor] : weights.file.tensors) {
    const model::TensorStatistics numbers = model::statistics_of(tensor);
    json["tensors"].push_back({{"name", name},
                               {"dtype", dtype_text(tensor.scalar_type())},
                               {"shape", tensor.sizes().vec()},
                               {"bytes", tensor.nbytes()},
                               {"min", numbers.min},
                               {"max", numbers.max},
                               {"mean", numbers.mean},
                               {"non_finite", numbers.non_finite}});
  }
  return json;
}

std::string difference_text(const WeightsDifference& difference, const std::string& a, const std::string& b,
                            std::size_t limit) {
  if (difference.empty()) return fmt::format("{} tensors, all equal\n", difference.equal);
  return names_text(difference.only_in_a, a, limit) + names_text(difference.only_in_b, b, limit) +
         unlike_text(difference.shapes, "of other shapes", limit, shape_text) +
         unlike_text(difference.dtypes, "of other dtypes", limit, dtype_text) + values_text(difference.values, limit) +
         fmt::format("{} equal\n", difference.equal);
}

Json difference_json(const WeightsDifference& difference) {
  Json json = {{"only_in_a", difference.only_in_a},
               {"only_in_b", difference.only_in_b},
               {"shapes", unlike_json(difference.shapes, shape_text)},
               {"dtypes", unlike_json(difference.dtypes, dtype_text)},
               {"values", Json::array()},
               {"equal", difference.equal}};
  for (const auto& each : difference.values) {
    json["values"].push_back({{"tensor", each.name},
                              {"largest", number_json(each.largest)},
                              {"differing", each.differing},
                              {"of", each.values}});
  }
  return json;
}

}  // namespace margay::cli
