#include "apps/cli/evaluation_page.h"

#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <torch/utils.h>

#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/progress_line.h"
#include "apps/web/report_page.h"
#include "margay/core/checksum.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"
#include "margay/core/threads.h"
#include "margay/data/source/folder_walk.h"
#include "margay/interpret/mapped_image.h"
#include "margay/model/precision.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using interpret::Interpretation;
using interpret::TopLosses;

/// The model of kept predictions, if its file is still the same.
std::shared_ptr<serve::Predictor> model_of(const predict::KeptPredictions& kept) {
  const auto file = kept.origin.find("model");
  const auto sum = kept.origin.find("model_sha256");
  if (file == kept.origin.end() || sum == kept.origin.end() || !file->is_string() || !sum->is_string()) return nullptr;
  const fs::path path = file->get<std::string>();
  if (!fs::is_regular_file(path) || core::sha256_of_file(path) != sum->get<std::string>()) return nullptr;
  return std::make_shared<serve::Predictor>(bundle::load_bundle(path));
}

/// The rows of the page's lists, each once.
std::vector<std::int64_t> listed_rows(const Interpretation& interpretation, std::int64_t each) {
  std::set<std::int64_t> rows;
  for (const auto& [order, name] : names(TopLosses{})) {
    const bool needs_labels =
        order == TopLosses::kHighest || order == TopLosses::kSurelyWrong || order == TopLosses::kLowest;
    if (needs_labels && !interpretation.has_labels()) continue;
    for (const interpret::TopLoss& top : interpretation.top_losses(each, order)) rows.insert(top.row);
  }
  return {rows.begin(), rows.end()};
}

/// The maps of the images in the lists, by row.
using PageMaps = std::map<std::int64_t, std::vector<web::PageMap>>;

std::string map_caption(const interpret::ClassMap& map, const data::Vocabulary& vocab) {
  return fmt::format("{} {:.1f} %", vocab.name(map.class_index), 100 * map.probability);
}

/// Images whose files are gone have no maps; the page says so where it shows their names.
PageMaps maps_of(const Interpretation& interpretation, const serve::Predictor& predictor,
                 const std::vector<std::int64_t>& listed) {
  const data::Root root(interpretation.predictions().root);
  data::PathList paths;
  std::vector<std::int64_t> rows;
  for (const std::int64_t row : listed) {
    const std::string path = root.path(interpretation.predictions().names.text(static_cast<std::size_t>(row)));
    if (!fs::is_regular_file(path)) continue;
    paths.add(path);
    rows.push_back(row);
  }
  if (rows.empty()) return {};
  data::LoaderOptions loading{.batch_size = 8};
  loading.num_workers = std::min(core::default_threads(), 4);
  loading.worker_priority = data::WorkerPriority::kNormal;
  const bundle::Bundle& bundle = predictor.bundle();
  const data::Loader loader(std::make_shared<data::Dataset>(data::Dataset::unlabelled(paths)), predictor.pipeline(),
                            data::Phase::kValid, loading);
  torch::Tensor labels;
  if (const torch::Tensor& targets = interpretation.predictions().rows.targets;
      targets.defined() && targets.dim() == 1) {
    labels = targets.index_select(0, torch::tensor(rows, torch::kLong));
  }
  PageMaps maps;
  ProgressLine line;
  line.begin("maps");
  interpret::for_each_mapped_image(
      *bundle.classifier, loader,
      {.labels = labels,
       .activation = predict::activation_of(bundle.task),
       .calibration = {.temperature = interpretation.predictions().rows.temperature},
       .precision = predictor.precision()},
      [&](interpret::MappedImage&& image) {
        const std::int64_t row = rows[image.id];
        for (const interpret::ClassMap& map : image.maps) {
          maps[row].push_back({map_caption(map, bundle.vocabulary), interpret::overlay_map(image.image, map)});
        }
        line.show(static_cast<std::int64_t>(image.id) + 1, static_cast<std::int64_t>(rows.size()), "images");
      });
  return maps;
}

void tell_of_page(const web::WrittenPage& page) {
  if (page.unreadable > 0) {
    warn(fmt::format("{} of the page can no longer be read and are shown by name: {}",
                     core::counted(page.unreadable, "image"), core::joined(page.unreadable_names, ", ")));
  }
  if (page.left_out > 0) {
    warn(fmt::format("{} had no room on the page, which says so", core::counted(page.left_out, "image")));
  }
}

}  // namespace

void write_evaluation_page(const run::Evaluation& evaluation, std::int64_t top_losses, const JudgedModel& model,
                           run::ReportFolder& folder) {
  const Interpretation& interpretation = evaluation.interpretation();
  const predict::KeptPredictions& kept = interpretation.predictions();
  const auto predictor = model.is_kept() ? model_of(kept) : model.predictor();
  PageMaps maps;
  if (predictor) maps = maps_of(interpretation, *predictor, listed_rows(interpretation, top_losses));
  const auto name = kept.origin.find("model");
  web::ReportPage page = web::report_page(
      interpretation, name != kept.origin.end() && name->is_string()
                          ? fmt::format("{} on {}", model_name(name->get<std::string>()), kept.root.string())
                          : kept.root.string());
  page.document = evaluation.json({.top_losses = top_losses});
  page.maps = [&maps](std::int64_t row) {
    const auto found = maps.find(row);
    return found == maps.end() ? std::vector<web::PageMap>{} : std::move(found->second);
  };
  tell_of_page(web::write_report_page(folder.file("report.html"), page));
}

}  // namespace margay::cli
