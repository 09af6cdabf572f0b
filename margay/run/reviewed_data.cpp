#include "margay/run/reviewed_data.h"

#include <fmt/format.h>
#include <unistd.h>

#include "margay/core/checksum.h"
#include "margay/data/data_block.h"
#include "margay/data/edits/journal.h"
#include "margay/run/data_options.h"

namespace margay::run {
namespace {

/// The labeller's own labels, which journals compare with, not those of merged classes.
void add_images(ReviewedData& reviewed, const data::Dataset& dataset, bool validates) {
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    reviewed.images.add(dataset.image(i));
    reviewed.labels.push_back(reviewed.labeller.label(dataset.path(i).native()).value_or(data::Labels()));
    reviewed.validates.push_back(validates);
  }
}

}  // namespace

ReviewedData reviewed_data(const std::filesystem::path& folder, const DataOptions& options,
                           const std::filesystem::path& journal) {
  const data::DataBlock block = make_block(folder, options);
  const data::Datasets datasets = block.datasets();
  ReviewedData reviewed{.root = data::root_of_journal(journal, folder),
                        .classes = datasets.vocabulary.names(),
                        .labeller = block.labeller().value()};
  add_images(reviewed, *datasets.train, false);
  add_images(reviewed, *datasets.valid, true);
  return reviewed;
}

JournalPlace journal_place(const std::filesystem::path& folder, const std::filesystem::path& elsewhere) {
  JournalPlace place{.file = data::journal_beside(folder)};
  std::error_code ignored;
  const std::filesystem::path holder = place.file.parent_path();
  if (std::filesystem::exists(place.file, ignored)) return place;
  if (::access((std::filesystem::exists(holder, ignored) ? holder : folder).c_str(), W_OK) == 0) return place;
  const std::string path = std::filesystem::weakly_canonical(folder, ignored).native();
  const std::uint64_t hash = core::checksum(path);
  const std::string name = std::filesystem::path(path).filename().native();
  return {.file = elsewhere / fmt::format("{}-{:08x}.jsonl", name, hash >> 32U), .is_beside = false};
}

}  // namespace margay::run
