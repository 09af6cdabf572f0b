#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/terminal.h"
#include "apps/cli/train_flags.h"
#include "margay/chart/render.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/data/image/preview.h"
#include "margay/data/show_batch.h"
#include "margay/run/train_options.h"

namespace margay::cli {
namespace {

struct ShowBatchOptions {
  std::filesystem::path out = "batch.png";
  int max_n = 9;
  bool unique = false;
  bool originals = false;
  bool terminal = false;
  int columns = 100;
  run::BatchOptions batch;

  static const core::OptionTable& fields() {
    using O = ShowBatchOptions;
    static const core::OptionTable table(
        "show_batch",
        {core::field<&O::out>("out", "the image to write (PNG)"),
         core::field<&O::max_n>("max_n", "images to show", {1, 1024}),
         core::field<&O::unique>("unique", "one image, and max_n - 1 random draws of it"),
         core::field<&O::originals>("originals", "each image next to a random draw of it"),
         core::field<&O::terminal>("terminal", "draw in the terminal, in 24-bit colour, instead of a file"),
         core::field<&O::columns>("columns", "width of the drawing in the terminal, characters", {10, 1000}),
         core::field<&O::batch>("batch", "the data")});
    return table;
  }
};

/// A grid, and what it shows in words.
struct ShownBatch {
  chart::Drawing grid;
  std::string words;
};

ShownBatch one_image(const ShowBatchOptions& options, const data::Loader& loader) {
  const data::Dataset& dataset = loader.dataset();
  const auto tiles = data::draw_tiles(loader.pipeline(), dataset.image(0), dataset.label(0),
                                      std::max(1, options.max_n - 1), options.batch.loader.seed);
  return {chart::image_grid(tiles),
          fmt::format("{} as it is, and under {} draws", shown_path(dataset.path(0)), tiles.size() - 1)};
}

ShownBatch beside_originals(const ShowBatchOptions& options, const data::Loader& loader) {
  const data::Dataset& dataset = loader.dataset();
  std::vector<chart::Tile> tiles;
  const std::size_t count = std::min(dataset.size(), static_cast<std::size_t>(options.max_n));
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t id = i * dataset.size() / count;  // from all over the data, so of many classes
    for (auto& tile : data::draw_tiles(loader.pipeline(), dataset.image(id), dataset.label(id), 1, i)) {
      tiles.push_back(std::move(tile));
    }
  }
  return {chart::image_grid(tiles, count > 4 ? 4 : 2), "each image as it is, and a draw of it"};
}

ShownBatch training_batch(const ShowBatchOptions& options, const data::Loaders& loaders) {
  data::LoaderPass pass = loaders.train.pass(0);
  const std::optional<data::Batch> batch = pass.next();
  if (!batch) throw core::DataError(options.batch.folder, "no batch can be made");
  return {chart::image_grid(
              data::batch_tiles(*batch, loaders.vocabulary, loaders.transforms().normalization, options.max_n)),
          "a training batch, what the network sees"};
}

ShownBatch what_is_asked(const ShowBatchOptions& options, const data::Loaders& loaders) {
  if (options.unique && options.originals) {
    throw std::invalid_argument("[show_batch] --unique and --originals exclude each other; give one");
  }
  if (options.unique) return one_image(options, loaders.train);
  if (options.originals) return beside_originals(options, loaders.train);
  return training_batch(options, loaders);
}

core::ExitCode show_batch(const ShowBatchOptions& options) {
  core::validate(options);
  if (!options.terminal) core::check_writable(options.out);
  const data::Loaders loaders = run::make_loaders(options.batch, user_cache_folder());
  warn_of_each(loaders.warnings);
  const ShownBatch shown = what_is_asked(options, loaders);
  if (options.terminal) {
    print_drawing(data::half_blocks(chart::drawing_image(shown.grid), options.columns));
    print_out("{}\n", core::spelled_out(shown.words));
    return core::ExitCode::kDone;
  }
  save_drawing(shown.grid, options.out);
  print_out("{} ({}x{}, {}, {} px)\n", shown_path(options.out), shown.grid.width, shown.grid.height,
            core::spelled_out(shown.words), loaders.transforms().augment.size);
  return core::ExitCode::kDone;
}

}  // namespace

void add_show_batch(CommandLine& line) {
  Command& command = line.add("show-batch", "Draw a training batch as the network sees it");
  const auto options = std::make_shared<ShowBatchOptions>();
  command.argument("folder", options->batch.folder, "the images", Presence::kRequired);
  command.flags(*options, train_flag_names());
  takes_threads(command);
  command.everyday(
      everyday_flags({"--out", "--max-n", "--unique", "--originals", "--terminal", "--columns", "--min-scale"}));
  command.does([options] { return show_batch(*options); });
}

}  // namespace margay::cli
