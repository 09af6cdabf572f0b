#include "apps/cli/data_flag_rules.h"

#include <initializer_list>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace margay::cli {
namespace {

struct GivenFlag {
  const char* name;
  bool is_given;
};

std::vector<GivenFlag> label_sources(const DataOptions& o) {
  return {{"--label-regex", !o.label_regex.empty()},
          {"--label-path-regex", !o.label_path_regex.empty()},
          {"--label-folder", o.label_folder.has_value()},
          {"--labels-csv", !o.labels_csv.empty()}};
}

std::vector<GivenFlag> draws(const DataOptions& o) {
  return {{"--valid-fraction", o.valid_fraction.has_value()},
          {"--split", o.split.has_value()},
          {"--group-regex", !o.group_regex.empty()},
          {"--group-column", !o.group_column.empty()},
          {"--fold", o.fold.has_value()},
          {"--folds", o.folds.has_value()},
          {"--split-seed", o.split_seed.has_value()}};
}

void refuse_both(const GivenFlag& a, const GivenFlag& b, const char* what) {
  if (!a.is_given || !b.is_given) return;
  throw std::invalid_argument(fmt::format("[data] {} and {} both say {}; give one", a.name, b.name, what));
}

void refuse_two(const std::vector<GivenFlag>& flags, const char* what) {
  for (std::size_t i = 0; i < flags.size(); ++i) {
    for (std::size_t j = i + 1; j < flags.size(); ++j) refuse_both(flags[i], flags[j], what);
  }
}

void need(const GivenFlag& flag, std::initializer_list<GivenFlag> needed) {
  if (!flag.is_given) return;
  std::vector<const char*> names;
  for (const GivenFlag& each : needed) {
    if (each.is_given) return;
    names.push_back(each.name);
  }
  throw std::invalid_argument(fmt::format("[data] {} means something only with {}; give that too, or neither",
                                          flag.name, fmt::join(names, " or ")));
}

void check_tables(const DataOptions& o) {
  const GivenFlag labels{"--labels-csv", !o.labels_csv.empty()};
  const GivenFlag valid{"--valid-csv", !o.valid_csv.empty()};
  const GivenFlag column{"--label-column", !o.label_column.empty()};
  const GivenFlag delimiter{"--label-delimiter", !o.label_delimiter.empty()};
  const GivenFlag columns{"--label-columns", !o.label_columns.empty()};
  need({"--name-column", !o.name_column.empty()}, {labels, valid});
  need(column, {labels});
  need(delimiter, {labels});
  need(columns, {labels});
  need({"--valid-column", !o.valid_column.empty()}, {labels, valid});
  refuse_both(column, columns, "where the labels stand");
  refuse_both(delimiter, columns, "where the labels stand");
}

void check_split(const DataOptions& o) {
  const GivenFlag valid_csv{"--valid-csv", !o.valid_csv.empty()};
  const GivenFlag valid_list{"--valid-list", !o.valid_list.empty()};
  const GivenFlag valid_column{"--valid-column", !o.valid_column.empty()};
  refuse_both(valid_csv, valid_list, "the split");
  refuse_both(valid_column, valid_list, "the split");
  for (const GivenFlag& draw : draws(o)) {
    for (const GivenFlag& file : {valid_csv, valid_list, valid_column}) refuse_both(file, draw, "the split");
  }
  const GivenFlag fold{"--fold", o.fold.has_value()};
  const GivenFlag folds{"--folds", o.folds.has_value()};
  refuse_both(folds, {"--valid-fraction", o.valid_fraction.has_value()}, "how many validate");
  need(fold, {folds});
  need(folds, {fold});
  const GivenFlag grouped{"--split grouped", o.split == data::SplitKind::kGrouped};
  const GivenFlag group_regex{"--group-regex", !o.group_regex.empty()};
  const GivenFlag group_column{"--group-column", !o.group_column.empty()};
  refuse_both(group_regex, group_column, "the groups");
  need(grouped, {group_regex, group_column});
  need(group_regex, {grouped});
  need(group_column, {grouped});
  need(group_column, {{"--labels-csv", !o.labels_csv.empty()}});
}

}  // namespace

void check_rules(const DataOptions& options) {
  core::validate(options);
  refuse_two(label_sources(options), "the labels");
  check_tables(options);
  check_split(options);
}

bool asks_for_a_draw(const DataOptions& options) {
  for (const GivenFlag& draw : draws(options)) {
    if (draw.is_given) return true;
  }
  return false;
}

}  // namespace margay::cli
