// A saved table makes the same data sets again, whatever the names.
#include <fstream>
#include <numeric>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "margay/data/data_block.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/save_table.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;

rc::Gen<std::string> any_text(const std::string& letters) {
  return rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(letters)));
}

/// Images p0…, in names of any letters but the slash; every label of any letters.
std::shared_ptr<const Items> any_items(const TemporaryFolder& folder, Task task) {
  const auto items = std::make_shared<Items>(task);
  const auto size = *rc::gen::inRange<std::size_t>(2, 7);
  for (std::size_t i = 0; i < size; ++i) {
    const std::string name =
        (i % 2 == 0 ? "sub, dir/" : "") + *any_text("ab,\"\r\n ;'") + "ä" + std::to_string(i) + ".jpg";
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << "x";
    std::set<std::string> labels;
    const auto count = task == Task::kSingleLabel ? 1 : *rc::gen::inRange(0, 4);
    for (int k = 0; k < count; ++k)
      labels.insert(*any_text(" ") + "p" + *any_text("xy,\";|\n/") + "üz" + *any_text(" "));
    items->add((folder / name).native(), {labels.begin(), labels.end()});
  }
  return items;
}

std::vector<std::pair<std::string, std::string>> content(const Dataset& dataset, const Vocabulary& vocabulary) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    std::string labels;
    for (const std::int64_t k : dataset.classes(i)) labels += vocabulary.name(k) + "\n--\n";
    rows.emplace_back(dataset.path(i).string(), labels);
  }
  return rows;
}

void comes_back(Task task, const char* name) {
  const TemporaryFolder folder;
  const auto items = any_items(folder, task);
  const auto cut = static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(1, items->size()));
  std::vector<std::size_t> order(items->size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::reverse(order.begin(), order.end());
  Datasets datasets;
  datasets.vocabulary = Vocabulary::of_labels(items->label_names());
  datasets.train =
      std::make_shared<Dataset>(items, std::vector(order.begin(), order.begin() + cut), datasets.vocabulary);
  datasets.valid = std::make_shared<Dataset>(items, std::vector(order.begin() + cut, order.end()), datasets.vocabulary);

  const std::string delimiter = save_table(datasets, folder.path(), folder / name);
  const LabelTable table = LabelTable::read(folder / name, folder.path(), {.delimiter = delimiter});
  const Datasets again = DataBlock().items(table.items()).label(table.labels()).split(table.split()).datasets();
  RC_ASSERT(again.vocabulary == datasets.vocabulary);
  RC_ASSERT(content(*again.train, again.vocabulary) == content(*datasets.train, datasets.vocabulary));
  RC_ASSERT(content(*again.valid, again.vocabulary) == content(*datasets.valid, datasets.vocabulary));
}

RC_GTEST_PROP(SaveTable, SingleLabelDatasetsComeBack, ()) { comes_back(Task::kSingleLabel, "split.csv"); }

RC_GTEST_PROP(SaveTable, MultiLabelDatasetsComeBack, ()) { comes_back(Task::kMultiLabel, "split.csv"); }

RC_GTEST_PROP(SaveTable, JsonLinesNeedNoDelimiter, ()) { comes_back(Task::kMultiLabel, "split.jsonl"); }

}  // namespace
}  // namespace margay::data
